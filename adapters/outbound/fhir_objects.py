"""Writes a canonical object as a nested extension, or as the items of a questionnaire.

The way back of `adapters.inbound.fhir.objects`: whatever has no natural element in FHIR goes so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_origin

from pydantic import BaseModel

from adapters.inbound.fhir.convert import BASE
from adapters.value_elements import value_element
from schemas.base import Coding
from schemas.fields import properties

Json = dict[str, Any]


class _Member(NamedTuple):
    name: str
    value: Any
    model: type[BaseModel] | None
    """Of an object; else the value stands in `element`."""
    element: str


def extension(name: str, value: Mapping[str, Any], model: type[BaseModel]) -> Json:
    """Write an object as our extension `name`; an object that states nothing, as nothing."""
    return _nested(f"{BASE}/StructureDefinition/{name}", value, model)


def items(value: Mapping[str, Any], model: type[BaseModel]) -> list[Json]:
    """Write an object as the items of a QuestionnaireResponse."""
    return [item for member in _members(value, model) if (item := _item(member))]


def coding(value: Mapping[str, Any]) -> Json:
    """Write a code as it was received, but for blanks that FHIR forbids in a code or a system."""
    written = dict(value)
    if "code" in value:
        written["code"] = " ".join(value["code"].split())
    if "system" in value:
        written["system"] = value["system"].replace(" ", "%20")
    return written


def without_empty(value: Any) -> Any:
    """Drop what FHIR forbids: null, an empty list, an empty object."""
    if isinstance(value, dict):
        kept = {key: without_empty(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, [], {})}
    if isinstance(value, list):
        return [kept for inner in value if (kept := without_empty(inner)) not in (None, [], {})]
    return value


def _nested(url: str, value: Mapping[str, Any], model: type[BaseModel]) -> Json:
    members = [written for one in _members(value, model) if (written := _member(one))]
    return {"url": url, "extension": members} if members else {}


def _member(member: _Member) -> Json:
    if member.model:
        return _nested(member.name, member.value, member.model)
    return {"url": member.name, member.element: member.value}


def _item(member: _Member) -> Json:
    if member.model:
        inner = items(member.value, member.model)
        return {"linkId": member.name, "item": inner} if inner else {}
    answer = {member.element: member.value}
    if member.element == "valueCode":  # an answer has none
        answer = {"valueCoding": {"code": member.value}}
    return {"linkId": member.name, "answer": [answer]}


def _members(value: Mapping[str, Any], model: type[BaseModel]) -> Iterator[_Member]:
    fields = {field.alias: field.annotation for field in model.model_fields.values()}
    for name, stated in value.items():
        inner = properties(model)[name]
        for one in stated if get_origin(fields[name]) is tuple else [stated]:
            if inner is None:
                yield _Member(name, one, None, value_element(fields[name]))
            elif inner is Coding:
                yield _Member(name, coding(one), None, "valueCoding")
            else:
                yield _Member(name, one, inner, "")
