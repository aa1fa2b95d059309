"""Assembly: students of its interface, with `sen_category`, its history and `sen_needs`.

Where the history is not sent, the one current category stands without a start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.inbound.files.students import Needed, Status, System, at, first, listed, word

_MARKS = (b'"sen_category"', b'"sen_category_history"', b'"sen_needs"')


def recognises(body: bytes, media_type: str) -> bool:
    """Tell whether this is JSON as Assembly names its properties."""
    return body.lstrip()[:1] in (b"{", b"[") and any(mark in body for mark in _MARKS)


def _statuses(student: Mapping[str, Any]) -> Iterator[Status]:
    history = list(listed(student, "demographics.sen_category_history"))
    for one, place in history:
        yield Status(
            written=word(first(one, "code", "description")),
            start=at(one, "start_date"),
            end=at(one, "end_date"),
            place=(*place, "code"),
        )
    current = "demographics.sen_category"
    if not history and at(student, current):
        yield Status(word(at(student, current)), None, None, tuple(current.split(".")))


def _needs(student: Mapping[str, Any]) -> Iterator[Needed]:
    for path in ("sen_needs", "demographics.sen_needs"):
        for one, place in listed(student, path):
            yield Needed(
                written=word(
                    first(one, "sen_need_type_code", "sen_need_code", "sen_need_type_name")
                ),
                rank=at(one, "priority"),
                start=at(one, "start_date"),
                end=None,
                description=None,
                place=(*place, "sen_need_type_code"),
            )


PARSER = System(
    name="assembly",
    lists=("data",),
    fields={
        "child.upn": ("upn",),
        "child.familyName": ("legal_last_name", "last_name"),
        "child.givenNames.0": ("legal_first_name", "first_name"),
        "child.givenNames.1": ("middle_name",),
        "child.birthDate": ("dob",),
        "child.sex": ("demographics.gender", "gender"),
    },
    statuses=_statuses,
    needs=_needs,
    lacks="Has no SEN category that has begun: nobody is told.",
).parser
