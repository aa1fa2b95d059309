"""Wonde: students of its interface, with one current SEN status.

The status is a letter or a label, as the school's system has it; there is no start and no type of
need. The day on which it was first sent stands in, marked as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.inbound.files.students import Needed, Status, System, at, word

_STATUS = "extended_details.data.sen_status"


def recognises(body: bytes, media_type: str) -> bool:
    """Tell whether this is JSON as Wonde names its properties."""
    known = b'"extended_details"' in body or (b'"upi"' in body and b'"mis_id"' in body)
    return body.lstrip()[:1] in (b"{", b"[") and known


def _statuses(student: Mapping[str, Any]) -> Iterator[Status]:
    yield Status(word(at(student, _STATUS)), None, None, tuple(_STATUS.split(".")))


def _needs(student: Mapping[str, Any]) -> Iterator[Needed]:
    yield from ()


PARSER = System(
    name="wonde",
    lists=("data",),
    fields={
        "child.upn": ("education_details.data.upn",),
        "child.familyName": ("legal_surname", "surname"),
        "child.givenNames.0": ("legal_forename", "forename"),
        "child.givenNames.1": ("middle_names",),
        "child.birthDate": ("date_of_birth",),
        "child.sex": ("gender",),
    },
    statuses=_statuses,
    needs=_needs,
    lacks="Has no SEN status: nobody is told. It is sent with include=extended_details.",
).parser
