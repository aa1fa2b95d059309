"""XML as a bounded tree. Nothing is fetched, nothing is expanded: what has a DOCTYPE is refused.

The parser is expat, of Python itself. Without a DOCTYPE there are no entities but the five of XML,
so no text grows larger than what was sent; namespaces are told apart here, so no name does either.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import ChainMap
from dataclasses import dataclass, field
from xml.parsers import expat

from adapters.errors import Fault, NotUnderstood, NotWellFormed
from adapters.inbound.fhir.resources import DEPTH, VALUES

_DOCTYPE = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
"""As every encoding that expat reads has it. Sought before it reads, since it cannot be stopped."""

_XML = "http://www.w3.org/XML/1998/namespace"


@dataclass(slots=True)
class Node:
    """An element."""

    namespace: str | None
    name: str
    """Without prefix."""
    attributes: dict[str, str]
    """Those without namespace."""
    foreign: tuple[tuple[str, str], ...] = ()
    """Namespace and name of its other attributes."""
    content: list[Node | str] = field(default_factory=list)

    @property
    def children(self) -> list[Node]:
        """Its elements, in their order."""
        return [one for one in self.content if isinstance(one, Node)]

    @property
    def has_text(self) -> bool:
        """Whether it holds more than elements and blanks."""
        return any(isinstance(one, str) and not one.isspace() for one in self.content)


def tree(body: bytes) -> Node:
    """Read XML in the encoding that its mark or its declaration says (else UTF-8).

    Raises:
        NotWellFormed: the bytes are not XML, with line and column.
        NotUnderstood: it has a DOCTYPE, or is too deep or too large.
    """
    if any(word in body for word in _DOCTYPE):
        detail = "holds <!DOCTYPE; FHIR has none, and no entity is resolved"
        raise NotUnderstood((Fault("Bundle", detail, "hostile-xml"),))
    # A mark says more than a declaration (RFC 7303, section 3).
    parser = expat.ParserCreate("utf-8" if body.startswith(BOM_UTF8) else None)
    parser.buffer_text = True
    builder = _Builder(parser)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise NotWellFormed(f"This is not XML: {said}", error.lineno, error.offset + 1) from None
    except (LookupError, ValueError):
        raise NotWellFormed(
            "This is not XML in an encoding that is read; send UTF-8", 1, 1
        ) from None
    return builder.root


class _Builder:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._open: list[Node] = [Node(None, "", {})]
        self._scopes = [ChainMap({"xml": _XML})]
        # JSON counts an element and its value as one; there the limit is exact.
        self._left = 2 * VALUES

    @property
    def root(self) -> Node:
        return self._open[0].children[0]

    def start(self, tag: str, stated: dict[str, str]) -> None:
        if len(self._open) > DEPTH:
            raise NotUnderstood((Fault("Bundle", f"is nested deeper than {DEPTH}", "too-deep"),))
        self._left -= 1 + len(stated)
        if self._left < 0:
            detail = f"has more than {VALUES} values; a message is about one child"
            raise NotUnderstood((Fault("Bundle", detail, "too-large"),))
        scope, plain, prefixed = self._scopes[-1], {}, []
        declared: dict[str, str] = {}
        for name, value in stated.items():
            prefix, _, local = name.rpartition(":")
            if name == "xmlns" or prefix == "xmlns":
                declared[local if prefix else ""] = value
            elif prefix:
                prefixed.append((prefix, local))
            else:
                plain[name] = value
        if declared:
            scope = scope.new_child(declared)
        self._scopes.append(scope)
        prefix, _, local = tag.rpartition(":")
        node = Node(
            self._namespace(scope, prefix) if prefix else scope.get(""),
            local,
            plain,
            tuple((self._namespace(scope, prefix), local) for prefix, local in prefixed),
        )
        self._open[-1].content.append(node)
        self._open.append(node)

    def end(self, _: str) -> None:
        self._open.pop()
        self._scopes.pop()

    def text(self, text: str) -> None:
        self._open[-1].content.append(text)

    def _namespace(self, scope: ChainMap[str, str], prefix: str) -> str:
        if prefix not in scope:
            line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
            raise NotWellFormed("This is not XML: a prefix stands for no namespace", line, column)
        return scope[prefix]
