"""Arbor: students of its interface (GraphQL, or REST), with SEN status assignments and needs.

The DfE's data items d00229 (provision) and d00237 (type of need) come before the export code, and
that before the school's own code, which may mean anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.inbound.files.students import Needed, Status, System, at, first, listed, word

_MARKS = (b'"senStatusAssignments"', b'"d00229"', b'"d00237"')


def recognises(body: bytes, media_type: str) -> bool:
    """Tell whether this is JSON as Arbor names its properties."""
    return body.lstrip()[:1] in (b"{", b"[") and any(mark in body for mark in _MARKS)


def _statuses(student: Mapping[str, Any]) -> Iterator[Status]:
    for one, place in listed(student, "senStatusAssignments"):
        kind = at(one, "senStatus")
        yield Status(
            written=_code(kind, "d00229", "exportCode"),
            start=at(one, "startDate"),
            end=at(one, "endDate"),
            place=(*place, "senStatus"),
        )


def _needs(student: Mapping[str, Any]) -> Iterator[Needed]:
    for name in ("senNeeds", "activeSenNeeds"):
        for one, place in listed(student, name):
            kind = at(one, "senNeedType")
            yield Needed(
                written=_code(kind, "d00237", "mainExportCode", "exportCode"),
                rank=at(one, "ranking"),
                start=at(one, "effectiveDate"),
                end=at(one, "endDate"),
                description=at(one, "description"),
                place=(*place, "senNeedType"),
            )


def _code(kind: Any, *official: str) -> str | None:
    stated = next((found for name in official if (found := word(at(kind, name)))), None)
    return stated or word(first(kind, "code", "senStatusName", "label", "displayName"))


PARSER = System(
    name="arbor",
    lists=("data", "response", "Student", "students", "student"),
    fields={
        "child.upn": ("upn", "uniquePupilNumber"),
        "child.nhsNumber": ("nhsNumber",),
        "child.familyName": ("legalLastName", "lastName", "person.legalLastName"),
        "child.givenNames.0": ("legalFirstName", "firstName", "person.legalFirstName"),
        "child.givenNames.1": ("middleNames", "person.middleNames"),
        "child.birthDate": ("dateOfBirth", "person.dateOfBirth"),
        "child.sex": ("gender.code", "gender", "person.gender.code"),
    },
    statuses=_statuses,
    needs=_needs,
    lacks="Has no SEN status assignment that has begun: nobody is told.",
).parser
