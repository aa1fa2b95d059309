"""A FHIR resource as XML, from its JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

import orjson

from adapters.fhir_definitions import Element, class_of, element_class, elements, resource_class

CONTENT_TYPE = "application/fhir+xml"
NAMESPACE = "http://hl7.org/fhir"

_FORBIDDEN = (*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_ESCAPES = {
    **dict.fromkeys(_FORBIDDEN, "\ufffd"),
    **{ord(sign): f"&#{ord(sign)};" for sign in '&<>"\t\n\r'},
}
"""Signs that an attribute cannot hold as they are; what XML 1.0 cannot hold at all is replaced."""


def to_xml(resource: Mapping[str, Any], version: str = "R4") -> bytes:
    """Write a resource, such as a Bundle, as XML in UTF-8.

    `resource` is its JSON form with `resourceType`; `version` is `R4` or `STU3`. Elements come in
    the order of FHIR, `_name` (ids and extensions of primitives) goes into its element, what is
    None or an empty list is left out, and a narrative's `div` is written as it stands.

    Raises:
        ValueError: it holds a resource or an element that FHIR does not have there.
    """
    written = "".join(_resource(resource, version, f' xmlns="{NAMESPACE}"'))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}'.encode()


def _resource(value: Mapping[str, Any], version: str, namespace: str = "") -> Iterator[str]:
    stated = {key: inner for key, inner in value.items() if key != "resourceType"}
    name = value["resourceType"]
    return _object(name, resource_class(version, name), stated, version, namespace)


def _object(
    name: str, model: Any, value: Mapping[str, Any], version: str, attributes: str = ""
) -> Iterator[str]:
    known = elements(model)
    if unknown := {key.removeprefix("_") for key in value} - known.keys():
        raise ValueError(f"FHIR {version} has no {', '.join(sorted(unknown))} in {name}")
    inner: list[str] = []
    for key, element in known.items():
        one, extra = value.get(key), value.get(f"_{key}")
        if element.attribute and one is not None:
            attributes += f' {key}="{_text(one)}"'
        elif element.many:
            for each, more in zip_longest(one or (), extra or ()):
                inner += _element(key, element, each, more, version)
        else:
            inner += _element(key, element, one, extra, version)
    return _tag(name, attributes, inner)


def _element(name: str, element: Element, value: Any, extra: Any, version: str) -> Iterator[str]:
    """Write one occurrence of an element; `extra` is what JSON has beside a primitive."""
    if value is None and extra is None:
        return iter(())
    if element.kind == "resource":
        return _tag(name, "", _resource(value, version))
    if element.kind == "object":
        return _object(name, class_of(element), value, version)
    if element.kind == "xhtml":
        return iter((value,))
    stated = "" if value is None else f' value="{_text(value)}"'
    return _object(name, element_class(version), extra or {}, version, stated)


def _tag(name: str, attributes: str, inner: Iterable[str]) -> Iterator[str]:
    content = "".join(inner)
    yield f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text.translate(_ESCAPES)
