"""What elements FHIR has and in which order, by version; told by the classes of `fhir.resources`.

Whoever reads or writes FHIR as XML needs it: XML says neither what repeats nor what is a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin

from fhir.resources import R4B, STU3
from fhir_core.types import FhirElementOrResourceBase, Xhtml

NAMESPACE = "http://hl7.org/fhir"
"""Of every element in XML, save those of a narrative."""

Kind = Literal["text", "number", "boolean", "xhtml", "object", "resource"]

# `fhir.resources` has no R4: R4B is the same in every element that is read or written here.
_CLASSES: Mapping[str, Callable[[str], Any]] = {
    "STU3": STU3.get_fhir_model_class,
    "R4": R4B.get_fhir_model_class,
}


class Element(NamedTuple):
    """One element, by its JSON name."""

    kind: Kind
    many: bool
    """Whether it may repeat: a list in JSON."""
    attribute: bool
    """Whether it is an attribute in XML: the id of what is no resource, the url of an extension."""
    codes: frozenset[str]
    """Of a code that FHIR binds to a closed list: the list. Else empty."""
    type: Any
    """Of an object, what names its class; for `class_of`."""


_CUT_OFF: Mapping[str, str] = {
    "Observation.status": "corrected cancelled entered-in-error unknown",
    "Encounter.status": "entered-in-error unknown",
    "EncounterStatusHistory.status": "entered-in-error unknown",
    "DiagnosticReport.status": "amended corrected appended cancelled entered-in-error unknown",
}
"""Codes of closed lists that the library cuts off with a `+`; the same in STU3 and R4."""


@cache
def resource_class(version: str, name: str) -> Any:
    """Return the class of a resource of a FHIR version, `STU3` or `R4`; it is loaded when asked for.

    Raises:
        ValueError: FHIR has none of this name.
    """
    model = _CLASSES[version](name)
    if not model.has_resource_base():
        raise ValueError(f"{name} is not a resource")
    return model


def element_class(version: str) -> Any:
    """Return the class of what any element may have: an id and extensions."""
    return _CLASSES[version]("Element")


def class_of(element: Element) -> Any:
    """Return the class of an element that is an object."""
    return element.type.get_model_klass()


@cache
def elements(model: Any) -> Mapping[str, Element]:
    """Return the elements of a class in the order that FHIR gives them, by JSON name."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    attributes = {"id", "url"} if not model.has_resource_base() else set()
    return {
        # Where `url` is an ordinary element it may have extensions.
        name: _element(
            fields[name],
            _codes(f"{model.__name__}.{name}", fields[name]),
            name in attributes and f"_{name}" not in fields,
        )
        for name in model.elements_sequence()
    }


def _codes(place: str, field: Any) -> frozenset[str]:
    codes = {*(field.json_schema_extra or {}).get("enum_values", ())}
    if "+" in codes:
        codes = codes - {"+"} | set(_CUT_OFF[place].split()) if place in _CUT_OFF else set()
    return frozenset(codes)


def _element(field: Any, codes: frozenset[str], attribute: bool) -> Element:
    many, metadata, leaf = False, list(field.metadata), field.annotation
    while arguments := get_args(leaf):
        many = many or get_origin(leaf) is list
        metadata += getattr(leaf, "__metadata__", ())
        leaf = arguments[0]
    if hasattr(leaf, "get_model_klass"):
        kind: Kind = "resource" if issubclass(leaf, FhirElementOrResourceBase) else "object"
        return Element(kind, many, False, codes, leaf)
    if any(isinstance(one, Xhtml) for one in metadata):
        kind = "xhtml"
    elif leaf is bool:
        kind = "boolean"
    else:
        kind = "number" if leaf in (int, Decimal) else "text"
    return Element(kind, many, attribute, codes, None)
