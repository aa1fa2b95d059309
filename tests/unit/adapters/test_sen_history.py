"""The same SEN periods give the same notice, whatever format they come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime

import pytest

from adapters.inbound.files import FILE, Entry, Upload, arbor, assembly, ctf, tabular
from adapters.inbound.files.sen_history import (
    FIRST_SEEN,
    LATER,
    NEVER,
    OBSOLETE,
    ONLY_LATER,
    OVER,
    RESUMED,
    Need,
    Period,
    ranked,
    stands,
)
from adapters.inbound.files.tabular import OTHER_ROW
from tests.builders import tables
from tests.school_files import a_ctf, a_pupil, a_upn
from tests.unit.adapters.file_reading import a_csv, example

TODAY = date(2026, 11, 24)
UPLOAD = Upload(source="urn:199901", sent=datetime(2026, 11, 24, 10, tzinfo=UTC))

Periods = Sequence[tuple[str, str]]
"""Start and provision."""


def of_a_ctf(periods: Periods) -> Iterable[Entry]:
    return ctf.parse(a_ctf(a_pupil(sen=periods)), UPLOAD, tables())


def of_a_table(periods: Periods) -> Iterable[Entry]:
    rows = (
        example("sen-support-notice", Start_date=start, SEN_provision=code, Previous_provision="")
        for start, code in periods
    )
    return tabular.PARSER(a_csv(*rows), UPLOAD, tables())


def of_arbor(periods: Periods) -> Iterable[Entry]:
    held = [{"startDate": start, "senStatus": {"code": code}} for start, code in periods]
    student = {"id": "1", "upn": a_upn(1), "senStatusAssignments": held}
    return arbor.PARSER(json.dumps([student]).encode(), UPLOAD, tables())


def of_assembly(periods: Periods) -> Iterable[Entry]:
    held = [{"start_date": start, "code": code} for start, code in periods]
    student = {"id": 1, "upn": a_upn(1), "demographics": {"sen_category_history": held}}
    return assembly.PARSER(json.dumps([student]).encode(), UPLOAD, tables())


FORMATS = (of_a_ctf, of_a_table, of_arbor, of_assembly)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("periods", "notice", "note"),
    [
        ([("2026-09-01", "K")], ("2026-09-01", "K", None), None),
        ([("2026-11-24", "K")], ("2026-11-24", "K", None), None),
        ([("2026-11-25", "K")], None, ONLY_LATER),
        ([("2026-01-05", "K"), ("2026-11-25", "E")], ("2026-01-05", "K", None), LATER),
        ([("2026-01-05", "K"), ("2026-11-16", "E")], ("2026-11-16", "E", "K"), None),
        ([("2026-11-16", "E"), ("2026-01-05", "K")], ("2026-11-16", "E", "K"), None),
        ([("2025-01-05", "K"), ("2026-01-05", "K")], ("2026-01-05", "K", None), None),
        (
            [("2024-01-05", "E"), ("2025-01-05", "K"), ("2026-01-05", "E")],
            ("2026-01-05", "E", "K"),
            None,
        ),
        ([("2026-01-05", "K"), ("2026-11-16", "N")], ("2026-11-16", "N", "K"), None),
        ([("2026-11-16", "N")], None, NEVER),
        ([("2013-01-05", "S")], None, OBSOLETE),
        ([("2013-01-05", "S"), ("2026-01-05", "K")], ("2026-01-05", "K", None), None),
    ],
)
def test_what_stands_and_what_is_waited_for_is_the_same_of_every_format(
    format: Callable[[Periods], Iterable[Entry]],
    periods: Periods,
    notice: tuple[str, str, str | None] | None,
    note: str | None,
) -> None:
    entries = [e for e in format(periods) if e.place != FILE]
    assert not any(entry.faults for entry in entries)
    found = [entry.document["notice"] for entry in entries if entry.document]
    told = [(one["start"], one["provision"], one.get("provisionBefore")) for one in found]
    assert told == ([notice] if notice else [])
    notes = {said for entry in entries for said in entry.notes} - {OTHER_ROW, OBSOLETE}
    assert notes == {note} - {None, OBSOLETE}


@pytest.mark.parametrize("format", FORMATS)
def test_two_provisions_of_one_day_are_a_fault_of_every_format(
    format: Callable[[Periods], Iterable[Entry]],
) -> None:
    entries = [e for e in format([("2026-09-01", "K"), ("2026-09-01", "E")]) if e.place != FILE]
    assert all(entry.document is None for entry in entries)
    faults = {(fault.pointer, fault.code) for entry in entries for fault in entry.faults}
    ((place, code),) = faults
    assert code == "value"
    assert any(second in place for second in ("SEN[2]", "row 3", "/1/"))


def period(code: str, start: str | None, end: str | None = None) -> Period:
    day = date.fromisoformat
    return Period(code, day(start) if start else None, f"{code} {start}", day(end) if end else None)


@pytest.mark.parametrize(
    ("periods", "notice", "notes"),
    [
        (
            [period("K", "2025-09-01", "2026-11-24")],
            {"start": "2025-09-01", "provision": "K"},
            (),
        ),
        ([period("K", "2025-09-01", "2026-11-23")], None, (OVER,)),
        ([period("K", "2025-09-01", "2026-11-23"), period("E", "2026-12-01")], None, (ONLY_LATER,)),
        (
            [period("K", "2025-09-01"), period("E", "2026-01-05", "2026-07-22")],
            {"start": "2026-07-23", "provision": "K", "provisionBefore": "E"},
            (RESUMED,),
        ),
        (
            [period("K", None)],
            {"start": "2026-11-24", "startIs": "first-seen", "provision": "K"},
            (FIRST_SEEN,),
        ),
        (
            [period("K", None, "2026-07-22"), period("N", "2026-07-23")],
            {"start": "2026-07-23", "provision": "N", "provisionBefore": "K"},
            (),
        ),
        (
            [period("Q", "2020-09-01"), period("K", "2026-01-05")],
            {"start": "2026-01-05", "provision": "K"},
            (),
        ),
        ([], None, ()),
    ],
)
def test_an_end_and_a_start_that_nobody_knows(
    periods: list[Period], notice: dict[str, str] | None, notes: tuple[str, ...]
) -> None:
    found = stands(periods, TODAY, tables())
    assert (found.notice, found.faults, found.notes) == (notice, (), notes)


@pytest.mark.parametrize(
    ("periods", "place"),
    [
        ([period("Q", "2026-09-01")], "Q 2026-09-01"),
        ([period("Q", "2025-09-01"), period("N", "2026-09-01")], "Q 2025-09-01"),
        ([period("K", None), period("E", "2026-09-01")], "E 2026-09-01"),
    ],
)
def test_nothing_is_guessed(periods: list[Period], place: str) -> None:
    found = stands(periods, TODAY, tables())
    assert found.notice is None
    assert [fault.pointer for fault in found.faults] == [place]


def test_a_need_stands_to_its_last_day() -> None:
    yesterday, tomorrow = date(2026, 11, 23), date(2026, 11, 25)
    needs = [
        Need("HI", 1, "", end=yesterday),
        Need("VI", 2, "", start=tomorrow),
        Need("SLCN", 4, "", end=TODAY, description="Few words"),
        Need("MLD", 3, "", start=TODAY),
    ]
    assert [told for told, _ in ranked(needs, TODAY, tables())] == [
        {"type": "MLD", "rank": 1},
        {"type": "SLCN", "rank": 2, "description": "Few words"},
    ]
