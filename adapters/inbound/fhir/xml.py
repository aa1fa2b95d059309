"""FHIR XML to the JSON form of the same Bundle, by the element definitions of its version.

What XML can say and JSON cannot is told here: text between elements, attributes and namespaces out
of place, what occurs twice. All else is left to whoever reads JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import orjson

from adapters.errors import Fault, NotUnderstood
from adapters.fhir_definitions import (
    NAMESPACE,
    Element,
    class_of,
    element_class,
    elements,
    resource_class,
)
from adapters.inbound.fhir.profile import Profile
from adapters.inbound.fhir.xml_tree import Node, tree

_XHTML = "http://www.w3.org/1999/xhtml"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
"""Attributes of this namespace are hints for validators, and borne."""


def read(body: bytes, profiles: Sequence[Profile]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the JSON form of a Bundle, and what is wrong with its XML.

    Its version is that of the profiles whose event element the MessageHeader has; a message that has
    none is refused by whoever reads the header.

    Raises:
        NotWellFormed: the bytes are not XML, with line and column.
        NotUnderstood: it is hostile, too deep or too large, or not FHIR at all.
    """
    root = tree(body)
    if root.namespace != NAMESPACE:
        detail = f"is not in the namespace {NAMESPACE}"
        raise NotUnderstood((Fault("Bundle", detail, "value"),))
    header = root
    for name in ("entry", "resource", "MessageHeader"):
        header = _child(header, name) or Node(None, "", {})
    told = [profile for profile in profiles if _child(header, profile.event_element)]
    version = (told or list(profiles))[0].version
    converter = _Converter([profile for profile in profiles if profile.version == version])
    return converter.resource(root, "Bundle"), converter.faults


def _child(node: Node, name: str) -> Node | None:
    return next((child for child in node.children if child.name == name), None)


class _Converter:
    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._version = profiles[0].version
        self._element = element_class(self._version)
        self._types = {name for profile in profiles for name in profile.types}
        self.faults: list[Fault] = []

    def resource(self, node: Node, path: str) -> dict[str, Any]:
        """Return a resource; of one that no profile takes, no more than its type."""
        is_known = path == "Bundle" == node.name or node.name in self._types
        model = resource_class(self._version, node.name) if is_known else None
        stated = self._object(node, model, path) if model else {}
        return {**stated, "resourceType": node.name}

    def _object(self, node: Node, model: Any, path: str) -> dict[str, Any]:
        return self._attributes(node, elements(model), path) | self._children(node, model, path)

    def _attributes(
        self, node: Node, known: Mapping[str, Element], path: str, elsewhere: str = ""
    ) -> dict[str, Any]:
        """Return what stands in attributes, save the one that is read elsewhere."""
        found = {}
        for name, value in node.attributes.items():
            if name in known and known[name].attribute:
                found[name] = value
            elif name != elsewhere:
                detail = "is an attribute that FHIR does not have here"
                self._fault(f"{path}.{name}", detail, "unknown-property")
        for namespace, name in node.foreign:
            if namespace != _SCHEMA:
                detail = "is an attribute of another namespace"
                self._fault(f"{path}.{name}", detail, "unknown-property")
        if node.has_text:
            detail = "holds text between its elements; a value stands in the attribute `value`"
            self._fault(path, detail)
        return found

    def _children(self, node: Node, model: Any, path: str) -> dict[str, Any]:
        known = elements(model)
        found: dict[str, Any] = {}
        children: dict[str, list[Node]] = {}
        for child in node.children:
            children.setdefault(child.name, []).append(child)
        for name, nodes in children.items():
            element = known.get(name)
            if element is None or element.attribute:
                detail = f"is not an element that FHIR {self._version} has here"
                self._fault(f"{path}.{name}", detail, "unknown-property")
                continue
            places = [f"{path}.{name}[{number}]" for number in range(len(nodes))]
            if not element.many:
                places = [f"{path}.{name}"]
                if len(nodes) > 1:
                    self._fault(places[0], "occurs more than once; FHIR has it once here")
            found |= self._occurrences(name, element, list(zip(nodes, places, strict=False)))
        return found

    def _occurrences(
        self, name: str, element: Element, occurrences: list[tuple[Node, str]]
    ) -> dict[str, Any]:
        """Return the property of an element, and `_name` where a primitive has more than values."""
        values, extras = [], []
        for node, place in occurrences:
            wanted = _XHTML if element.kind == "xhtml" else NAMESPACE
            if node.namespace != wanted:
                self._fault(place, f"is not in the namespace {wanted}")
                continue
            value: Any
            extra = None
            match element.kind:
                case "resource":
                    value = self._wrapped(node, place)
                case "object":
                    value = self._object(node, class_of(element), place)
                case "xhtml":
                    value = _xhtml(node)
                case _:
                    value, extra = self._primitive(node, element, place)
            values.append(value)
            extras.append(extra)
        found = {name: values, f"_{name}": extras}
        return {
            key: stated if element.many else stated[0]
            for key, stated in found.items()
            if any(one is not None for one in stated)
        }

    def _primitive(self, node: Node, element: Element, path: str) -> tuple[Any, Any]:
        """Return a value, and the id and extensions beside it, each or None."""
        above, _, last = path.rpartition(".")
        extra = self._attributes(node, elements(self._element), path, "value")
        extra |= self._children(node, self._element, f"{above}._{last}")
        value: Any = node.attributes.get("value")
        if value is None and not extra:
            self._fault(path, "is empty; write its value into the attribute `value`")
        elif value is not None:
            value = _typed(value, element)
        return value, extra or None

    def _wrapped(self, node: Node, path: str) -> dict[str, Any] | None:
        """Return the one resource that an element holds."""
        self._attributes(node, {}, path)
        if len(node.children) != 1 or node.children[0].namespace != NAMESPACE:
            self._fault(path, f"does not hold one resource of the namespace {NAMESPACE}")
            return None
        return self.resource(node.children[0], path)

    def _fault(self, path: str, detail: str, code: str = "value") -> None:
        self.faults.append(Fault(path, detail, code))


def _typed(text: str, element: Element) -> Any:
    """Return a number or a truth value as JSON has it, which writes it the same; else the text."""
    wanted = {"number": (int, float), "boolean": (bool,)}.get(element.kind, ())
    try:
        value = orjson.loads(text) if wanted else text
    except orjson.JSONDecodeError:
        return text
    return value if type(value) in wanted else text


def _xhtml(node: Node) -> str:
    """Write a narrative as the one string that it is in JSON."""
    stated = {"xmlns": _XHTML} if node.name == "div" else {}
    stated |= node.attributes
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in stated.items())
    inner = (escape(one) if isinstance(one, str) else _xhtml(one) for one in node.content)
    return f"<{node.name}{attributes}>{''.join(inner)}</{node.name}>"
