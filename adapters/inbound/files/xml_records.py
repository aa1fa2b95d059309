"""XML of many records, read as a stream: no DTD, no entities, nothing kept that is not asked for.

Elements are known by their local names; attributes and namespaces are borne.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from adapters.errors import Fault, NotUnderstood, NotWellFormed

CHUNK = 1 << 16
"""Bytes that are parsed at once."""
DEEPEST = 40
LARGEST_RECORD = 2_000
"""Elements that are kept of one record."""
LONGEST_NAME = 60
"""Characters that are told of the name of an element."""
LONGEST_TEXT = 10_000
"""Characters that are kept of one element."""

_DECLARED = re.compile(r"""<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
NOT_AS_DECLARED = "The file is not in the encoding that it declares; it was read as {}."
_EIGHT_BITS = frozenset({"iso8859-1", "iso8859-15", "cp1252"})
"""Encodings that are read where they are declared, by Python's names."""


@dataclass
class Element:
    """An element that was asked for."""

    name: str
    place: str
    """XPath."""
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, path: str) -> list[Element]:
        """Return the elements at a path below this one, in the file's order."""
        found = [self]
        for name in path.split("/"):
            found = [child for one in found for child in one.children if child.name == name]
        return found

    def first(self, path: str) -> Element | None:
        """Return the first element at a path that has a text, else the first, else None."""
        found = self.all(path)
        return next((one for one in found if one.text), found[0] if found else None)


def as_utf8(body: bytes) -> tuple[bytes, str | None]:
    """Return XML in UTF-8 without a mark, and a sentence where its declaration says another thing.

    What is UTF-8 is read as UTF-8, whatever is declared: a text in another encoding is all but never
    UTF-8 by chance. Else what is declared counts; what declares UTF-8 and is not is Windows-1252.

    Raises:
        NotWellFormed: it is in none of them.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _recoded(body, "utf-16"), None
    if body[:2] in (b"<\0", b"\0<"):
        return _recoded(body, "utf-16-le" if body[1:2] == b"\0" else "utf-16-be"), None
    body = body.removeprefix(codecs.BOM_UTF8)
    found = _DECLARED.search(body[:200].decode("latin-1"))
    try:
        declared = codecs.lookup(found[1]).name if found else "utf-8"
    except LookupError:
        declared = ""
    try:
        body.decode()
    except UnicodeDecodeError:
        if declared in _EIGHT_BITS:
            return _recoded(body, declared), None
        return _recoded(body, "cp1252"), NOT_AS_DECLARED.format("Windows-1252")
    if declared not in ("utf-8", "ascii") and not body.isascii():
        return body, NOT_AS_DECLARED.format("UTF-8")
    return body, None


def records(
    body: bytes, record: str, known: Container[str], dropped: Counter[str]
) -> Iterator[Element]:
    """Yield each element of the second level (such as a header), and each record, as it ends.

    body: in UTF-8, without a mark.
    record: local name of a record, which stands on the third level (or, of some writers, the second).
    known: paths below a record, or names below the second level, that are kept, with those that
        lead to them. Of all else only the names are counted, in `dropped`.

    Raises:
        NotWellFormed: it is not XML, with line and column.
        NotUnderstood: it has a DTD or is nested too deeply, or a record is too large.
    """
    reader = _Reader(record, known, dropped)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _: reader.start(name)
    parser.EndElementHandler = lambda _: reader.end()
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        for start in range(0, len(body), CHUNK):
            parser.Parse(body[start : start + CHUNK], False)
            yield from reader.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise NotWellFormed(f"This is not XML: {said}", error.lineno, error.offset + 1) from None
    yield from reader.take()


class _Reader:
    """Builds the elements that are asked for, and counts the others."""

    def __init__(self, record: str, known: Container[str], dropped: Counter[str]) -> None:
        self._record, self._known, self._dropped = record, known, dropped
        self._open: list[Element | None] = []
        """The open elements; None for one that is not kept."""
        self._names: list[str] = []
        self._places: list[str] = []
        self._counts: list[Counter[str]] = [Counter()]
        self._kept = 0
        self._done: list[Element] = []

    def take(self) -> Iterator[Element]:
        """Yield what has ended since."""
        done, self._done = self._done, []
        yield from done

    def start(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if len(self._names) >= DEEPEST:
            raise NotUnderstood((Fault("", "is nested too deeply", "too-deep"),))
        self._counts[-1][name] += 1
        number = self._counts[-1][name]
        self._counts.append(Counter())
        above = self._places[-1] if self._places else ""
        index = f"[{number}]" if number > 1 or name == self._record else ""
        self._places.append(f"{above}/{name[:LONGEST_NAME]}{index}")
        self._names.append(name)
        self._open.append(self._element(name))

    def _element(self, name: str) -> Element | None:
        level = len(self._names)
        within = self._open[-1] if level > 1 else None
        if level == 1:
            return None
        if level == 2 or (level == 3 and name == self._record):
            self._kept = 0
            return Element(name, self._places[-1])
        if within is None:
            return None
        depth = next((n for n in (1, 2) if self._names[n] == self._record), 1)
        if "/".join(self._names[depth + 1 :]) not in self._known:
            if self._record in self._names[:-1]:
                self._dropped[name[:LONGEST_NAME]] += 1
            return None
        self._kept += 1
        if self._kept > LARGEST_RECORD:
            detail = f"holds more than {LARGEST_RECORD} elements"
            raise NotUnderstood((Fault(self._places[2], detail, "too-large"),))
        element = Element(name, self._places[-1])
        within.children.append(element)
        return element

    def characters(self, text: str) -> None:
        element = self._open[-1] if self._open else None
        if element is not None and len(element.text) < LONGEST_TEXT:
            element.text += text[:LONGEST_TEXT]

    def end(self) -> None:
        name, element = self._names.pop(), self._open.pop()
        self._places.pop()
        self._counts.pop()
        if element is None:
            return
        element.text = "" if element.children else " ".join(element.text.split())
        if len(self._names) == 1 or (len(self._names) == 2 and name == self._record):
            self._done.append(element)


def _refuse_doctype(*_: object) -> None:
    detail = "has a document type declaration; send the file without it"
    raise NotUnderstood((Fault("", detail, "not-supported"),))


def _recoded(body: bytes, encoding: str) -> bytes:
    try:
        return body.decode(encoding).encode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - (body.rfind(b"\n", 0, error.start) + 1) + 1
        detail = "This is not text in the encoding that it declares; save the file as UTF-8."
        raise NotWellFormed(detail, line, column) from None
