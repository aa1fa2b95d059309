"""Students as the interfaces of Arbor, Assembly and Wonde give them."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.errors import NotUnderstood, NotWellFormed
from adapters.inbound.files import Entry, arbor, assembly, tabular, wonde
from schemas.record import record_key
from tests.builders import tables
from tests.unit.adapters.file_reading import EXAMPLES, SCHOOL, taken

SYSTEMS = {"arbor": arbor, "assembly": assembly, "wonde": wonde}
CONFORMS = {"event": "sen-support-notice", "format": "JSON", "direction": "in", "outcome": "taken"}
TOLD = {"notice": {"parentsTold": {"on": "2026-11-13"}}}


def sample(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}-students.json").read_text(encoding="utf-8"))


def read(name: str, page: Any, **changes: Any) -> list[Entry]:
    body = page if isinstance(page, bytes) else json.dumps(page).encode()
    upload = dataclasses.replace(SCHOOL, **changes)
    return list(SYSTEMS[name].PARSER(body, upload, tables()))


def arbor_student(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(sample("arbor")["data"]["Student"][0]), **changes}


def a_status(code: str, start: str | None, end: str | None = None, **kind: Any) -> dict[str, Any]:
    return {"startDate": start, "endDate": end, "senStatus": {"code": code, **kind}}


@pytest.mark.conforms(standard="Arbor", **CONFORMS)
def test_arbor_by_the_dfe_items_before_the_schools_own_codes() -> None:
    began, ended, none = read("arbor", sample("arbor"))
    notice = taken(began, TOLD).document()
    assert notice["child"] == {
        "upn": "U896200026000",
        "nhsNumber": "9990001057",
        "familyName": "Eaton",
        "givenNames": ["Finn"],
        "birthDate": "2020-09-30",
        "sex": "male",
    }
    assert notice["notice"] == {
        "start": "2026-11-16",
        "provision": "K",
        "provisionBefore": "N",
        "needs": [
            {"type": "SLCN", "rank": 1, "description": "Expressive language"},
            {"type": "SEMH", "rank": 2},
        ],
        "parentsTold": {"on": "2026-11-13"},
    }
    assert began.places["/notice/provision"] == "/data/Student/0/senStatusAssignments/1/senStatus"
    assert taken(ended).document()["notice"] == {
        "start": "2026-11-16",
        "provision": "N",
        "provisionBefore": "K",
    }
    assert (none.document, none.faults, len(none.notes)) == (None, (), 1)


@pytest.mark.conforms(standard="Assembly", **CONFORMS)
def test_assembly_by_the_history_of_its_category() -> None:
    began, none = read("assembly", sample("assembly"))
    message = taken(began)
    assert message.notice.model_dump(mode="json", exclude_none=True) == {  # type: ignore[union-attr]
        "start": "2026-11-16",
        "provision": "K",
        "needs": [{"type": "SLCN", "rank": 1}],
        "outcomes": [],
        "support": [],
    }, "what ended with School Action is history"
    assert (message.child.birth_date, message.record) == ("2020-09-30", None)
    assert none.document is None


@pytest.mark.conforms(standard="Wonde", **CONFORMS)
def test_wonde_by_one_current_value_of_which_the_start_is_when_it_was_first_seen() -> None:
    began, none = read("wonde", sample("wonde"))
    message = taken(began)
    notice = message.document()["notice"]
    assert notice == {"start": "2026-11-24", "startIs": "first-seen", "provision": "K"}
    assert (message.child.birth_date, message.child.sex) == ("2020-09-30", "male")
    assert began.notes
    assert none.document is None


def test_where_no_start_is_known_the_record_is_the_student_whatever_stands() -> None:
    page = sample("wonde")
    page["data"] = page["data"][:1]
    (first,) = read("wonde", page)
    page["data"][0]["forename"] = "Finley"
    (again,) = read("wonde", page, sent=SCHOOL.sent + timedelta(days=7))
    assert record_key(taken(first)) == record_key(taken(again))
    page["data"][0]["extended_details"]["data"]["sen_status"] = "E"
    (changed,) = read("wonde", page)
    assert record_key(taken(changed)) == record_key(taken(first))


def test_a_day_begins_at_midnight_in_london() -> None:
    (entry, _) = read("wonde", sample("wonde"), sent=datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    assert taken(entry).notice.start.isoformat() == "2026-07-01"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_page_a_list_and_a_student_alone_read_the_same(name: str) -> None:
    page = sample(name)
    students = page["data"]["Student"] if name == "arbor" else page["data"]
    whole = read(name, page)
    assert [entry.document for entry in read(name, students)] == [e.document for e in whole]
    (alone,) = read(name, students[0])
    assert alone.document == whole[0].document
    assert [entry.place for entry in whole] == [f"student {n + 1}" for n in range(len(students))]


@pytest.mark.parametrize(
    ("assignments", "provision", "start"),
    [
        ([a_status("X", "2026-09-01", d00229="K")], "K", "2026-09-01"),
        ([a_status("K", "2026-09-01", d00229={"code": "E"})], "E", "2026-09-01"),
        ([a_status("X", "2026-09-01", exportCode="E")], "E", "2026-09-01"),
        ([a_status("SEN Support", "2026-09-01")], "K", "2026-09-01"),
        ([a_status("K", None)], "K", "2026-11-24"),
        ([a_status("K", "2026-09-01", "2026-11-24")], "K", "2026-09-01"),
        ([a_status("K", "2026-09-01", "2026-11-23")], None, None),
        ([a_status("N", "2026-09-01")], None, None),
        ([a_status("Monitoring", "2026-09-01")], None, None),
        ([{"startDate": "2026-09-01", "senStatus": None}], None, None),
    ],
)
def test_the_status_that_stands_is_the_last_that_has_begun(
    assignments: list[Any], provision: str | None, start: str | None
) -> None:
    (entry,) = read("arbor", [arbor_student(senStatusAssignments=assignments)])
    assert not entry.faults
    if provision is None:
        assert entry.document is None
        assert entry.notes
        return
    notice = taken(entry).notice
    assert notice
    assert (notice.provision, notice.start.isoformat()) == (provision, start)
    assert notice.start_is == (None if assignments[0]["startDate"] else "first-seen")


@pytest.mark.parametrize(
    ("assignments", "place"),
    [
        ([a_status("Watch", "2026-09-01")], "/0/senStatusAssignments/0/senStatus"),
        ([a_status("K", "soon")], "/0/senStatusAssignments/0/senStatus"),
    ],
)
def test_what_is_unknown_or_ambiguous_is_a_fault_and_never_guessed(
    assignments: list[Any], place: str
) -> None:
    (entry,) = read("arbor", [arbor_student(senStatusAssignments=assignments)])
    assert entry.document is None
    assert [fault.pointer for fault in entry.faults] == [place]
    assert "Watch" not in entry.faults[0].detail


def test_an_unknown_need_travels_word_for_word_and_ranks_are_counted_from_one() -> None:
    needs = [
        {"ranking": None, "senNeedType": {"code": "OWN", "label": "Our word"}},
        {"ranking": "1", "senNeedType": {"code": "BESD"}},
    ]
    (entry,) = read("arbor", [arbor_student(senNeeds=needs)])
    found = taken(entry).document()["notice"]["needs"]
    assert found == [{"type": "BESD", "rank": 1}, {"type": "OWN", "rank": 2}]


def test_nothing_but_what_a_notice_holds_is_read() -> None:
    (entry, _) = read("wonde", sample("wonde"))
    written = json.dumps(entry.document)
    assert not any(word in written for word in ("care", "meals", "nc_year", "initials"))


def test_the_same_student_sent_again_says_the_same() -> None:
    page = sample("arbor")
    later = SCHOOL.sent + timedelta(days=30)
    (one, *_), (again, *_) = read("arbor", page), read("arbor", page, sent=later)
    assert one.document
    assert again.document == {**one.document, "sent": later.isoformat()}
    assert one.document["id"] == "101", "by it an upload may state something of this student"


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_knows_its_own_files_and_no_others(name: str) -> None:
    body = (EXAMPLES / f"{name}-students.json").read_bytes()
    knows = {
        other for other, module in SYSTEMS.items() if module.recognises(body, "application/json")
    }
    assert knows == {name}
    assert not tabular.recognises(body, "application/json")
    assert not SYSTEMS[name].recognises(b'{"kind": "sen-support-notice"}', "application/json")


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize(
    ("page", "error"),
    [
        (b'{"data": [', NotWellFormed),
        (b'{"data": [{"sen_status": NaN}]}', NotWellFormed),
        (b"\xff\xfe", NotWellFormed),
        (b"[" * 100_000, NotWellFormed),
        ([1, "two"], NotUnderstood),
        ([None], NotUnderstood),
    ],
)
def test_what_is_no_page_of_students_is_refused(
    name: str, page: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        read(name, page)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("value", [None, 1, -1e300, "x", [], {}, [[]], {"data": [1]}, True])
def test_a_value_of_another_type_is_never_a_crash(name: str, value: Any) -> None:
    page = sample(name)
    student = (page["data"]["Student"] if name == "arbor" else page["data"])[0]
    for key in list(student):
        for entry in read(name, [{**student, key: value}]):
            assert entry.document or entry.faults or entry.notes
