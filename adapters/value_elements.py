"""Which `value[x]` of FHIR holds a value of the canonical model, told by its type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

from pydantic import AwareDatetime

from schemas.base import Coding
from schemas.fields import words_in

_VALUES = {
    bool: "valueBoolean",
    int: "valueInteger",
    float: "valueDecimal",
    AwareDatetime: "valueDateTime",
    date: "valueDate",
    Coding: "valueCoding",
    str: "valueString",
}


def value_element(annotation: Any) -> str:
    """Return the value[x] in which a value of this type is sent."""
    if words_in(annotation):
        return "valueCode"
    types = list(_types_in(annotation))
    return next(value for known, value in _VALUES.items() if known in types)


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types_in(argument)
