"""The Common Transfer File: every version, the usual faults of its writers, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from adapters.inbound.files import Entry, Upload, ctf
from adapters.inbound.files.registry import parser_for
from tests.builders import tables
from tests.school_files import SCHOOL_HEADER, a_ctf, a_need, a_pupil, a_upn, xml

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
K = [("2025-09-01", "N"), ("2026-11-16", "K")]
PUPIL = "/CTfile/CTFpupilData/Pupil[1]"


def read(body: bytes, **upload: Any) -> list[Entry]:
    """Every entry of a file, chosen and read as the gateway does."""
    name, parse = parser_for(body, "application/xml")
    assert name == "Common Transfer File"
    given = {"source": "urn:199901", "sent": NOW, "authority": "896", **upload}
    return list(parse(body, Upload(**given), tables()))


def pupils(body: bytes) -> list[Entry]:
    return [entry for entry in read(body) if entry.place != "file"]


def notice(*sen: tuple[str, str], **changes: Any) -> dict[str, Any] | None:
    (entry,) = pupils(a_ctf(a_pupil(sen=sen, **changes)))
    assert not entry.faults
    return entry.document and entry.document["notice"]


def faults(pupil: dict[str, Any]) -> list[tuple[str, str]]:
    (entry,) = pupils(a_ctf(pupil))
    assert entry.document is None
    return [(fault.pointer.removeprefix(PUPIL), fault.code) for fault in entry.faults]


@pytest.mark.conforms(
    standard="Common Transfer File", event="CTfile", format="XML", direction="in", outcome="taken"
)
def test_a_pupil_with_sen_support_becomes_a_notice() -> None:
    needs = [a_need("SEMH", 2), a_need("SLCN", 1)]
    looked_after = {"InCare": "true", "CareAuthority": "896"}
    first, entry, last = read(a_ctf(a_pupil(7, K, needs, LookedAfter=looked_after)))
    assert (first.place, first.sender, first.notes) == ("file", "8969901", ())
    assert entry.place == "pupil 1"
    assert entry.document == {
        "kind": "sen-support-notice",
        "sent": "2026-11-20T10:00:00+00:00",
        "child": {
            "upn": a_upn(7),
            "givenNames": ["FINN"],
            "familyName": "EATON7",
            "birthDate": "2020-09-30",
            "sex": "male",
            "address": {"lines": ["1 Example Row"], "town": "Chester", "postcode": "CH2 0ZZ"},
            "lookedAfter": {"authority": "896"},
            "setting": {"laestab": "8969901", "name": "SANDSTONE EXAMPLE PRIMARY"},
        },
        "notice": {
            "start": "2026-11-16",
            "provision": "K",
            "provisionBefore": "N",
            "needs": [{"type": "SLCN", "rank": 1}, {"type": "SEMH", "rank": 2}],
        },
    }
    assert last.notes == (
        "Not read, as the gateway has no need of it: Contacts (1), FSMhistory (1).",
    )


@pytest.mark.parametrize(
    ("sen", "expected"),
    [
        ([("2026-01-05", "K"), ("2026-11-16", "E")], ("2026-11-16", "E", "K")),
        ([("2026-11-16", "K"), ("2026-11-16", "K")], ("2026-11-16", "K", None)),
        ([("2026-11-16", "k")], ("2026-11-16", "K", None)),
        ([("2026-11-16", "SEN Support")], ("2026-11-16", "K", None)),
    ],
)
def test_the_latest_start_that_is_not_in_the_future_stands(
    sen: list[tuple[str, str]], expected: tuple[str, str, str | None]
) -> None:
    found = notice(*sen)
    assert found is not None
    assert (found["start"], found["provision"], found.get("provisionBefore")) == expected


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sen": [("2025-09-01", "N")]}, "no special educational needs"),
        ({}, "tick the box `SEN`"),
        ({"SENhistory": ""}, "SENhistory holds no provision"),
    ],
)
def test_a_pupil_of_whom_nothing_follows_says_why(changes: dict[str, Any], why: str) -> None:
    entry, *_ = pupils(a_ctf(a_pupil(**changes)))
    assert (entry.document, entry.faults) == (None, ())
    assert why in " ".join(entry.notes)


def test_a_file_without_any_sen_says_so_once_for_the_whole_file() -> None:
    *_, last = read(a_ctf(a_pupil(1), a_pupil(2)))
    assert last.place == "file"
    assert last.notes[0] == ctf.NOBODY_TICKED


def sen_history(*needs: dict[str, str], within: str) -> dict[str, Any]:
    """A SENhistory with its needs where some writers put them."""
    sen: dict[str, Any] = {"StartDate": "2026-11-16", "SENprovision": "K"}
    many = {"SENneed": list(needs)}
    homes: dict[str, dict[str, Any]] = {
        "SENhistory/SENneeds": {"SENhistory": {"SEN": sen, "SENneeds": many}},
        "SENhistory": {"SENhistory": {"SEN": sen, **many}},
        "SEN/SENneeds": {"SENhistory": {"SEN": {**sen, "SENneeds": many}}},
        "SEN": {"SENhistory": {"SEN": {**sen, **many}}},
        "Pupil/SENneeds": {"SENhistory": {"SEN": sen}, "SENneeds": many},
        "Pupil": {"SENhistory": {"SEN": sen}, **many},
    }
    return homes[within]


@pytest.mark.parametrize(
    "within",
    ["SENhistory/SENneeds", "SENhistory", "SEN/SENneeds", "SEN", "Pupil/SENneeds", "Pupil"],
)
def test_needs_are_found_where_writers_put_them(within: str) -> None:
    found = notice(**sen_history(a_need("SLCN"), within=within))
    assert found is not None
    assert found["needs"] == [{"type": "SLCN", "rank": 1}]


@pytest.mark.parametrize(
    ("needs", "types"),
    [
        ([a_need("SLCN", 0), a_need("MLD", 1)], ["SLCN", "MLD"]),
        ([a_need("SLCN", 1), a_need("MLD", 1)], ["SLCN", "MLD"]),
        ([a_need("MLD", 2), a_need("SLCN", 1)], ["SLCN", "MLD"]),
        ([a_need("MLD", "first"), a_need("SLCN", 1)], ["SLCN", "MLD"]),
        ([a_need("slcn"), a_need("SpLD", 2)], ["SLCN", "SPLD"]),
        ([a_need("NSA*"), a_need("BESD", 2)], ["NSA", "BESD"]),
        ([a_need("PLD"), a_need("A school's own", 2)], ["PLD", "A school's own"]),
        ([a_need("SLCN"), a_need("SLCN", 2)], ["SLCN"]),
        ([a_need("SLCN", NeedEndDate="2026-07-01"), a_need("MLD", 2)], ["MLD"]),
        ([a_need("SLCN", NeedStartDate="2027-01-01"), a_need("MLD", 2)], ["MLD"]),
    ],
)
def test_needs_come_in_the_order_of_their_ranks(
    needs: list[dict[str, str]], types: list[str]
) -> None:
    found = notice(*K, needs=needs)
    assert found is not None
    assert found["needs"] == [{"type": t, "rank": n} for n, t in enumerate(types, start=1)]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-11-16", "2026-11-16"),
        ("2026-11-16T00:00:00", "2026-11-16"),
        ("16/11/2026", "2026-11-16"),
        ("16/11/26", "2026-11-16"),
        ("11/11/26", "2026-11-11"),
    ],
)
def test_dates_are_read_as_they_are_meant(written: str, read_as: str) -> None:
    (entry,) = pupils(a_ctf(a_pupil(sen=[(written, "K")], DOB="30/09/2020")))
    assert entry.document is not None
    assert entry.document["notice"]["start"] == read_as
    assert entry.document["child"]["birthDate"] == "2020-09-30"
    assert len(entry.notes) == 1  # the date of birth is written day first


def a_sen(**elements: Any) -> dict[str, Any]:
    return {"SENhistory": {"SEN": elements}}


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        (a_sen(StartDate="05/09/26", SENprovision="K"), "/SENhistory/SEN/StartDate", "value"),
        (a_sen(StartDate="31/02/2026", SENprovision="K"), "/SENhistory/SEN/StartDate", "value"),
        (a_sen(StartDate="last week", SENprovision="K"), "/SENhistory/SEN/StartDate", "value"),
        (a_sen(SENprovision="K"), "/SENhistory/SEN/StartDate", "required"),
        (a_sen(StartDate="2026-09-07"), "/SENhistory/SEN/SENprovision", "required"),
        (a_sen(StartDate="2026-09-07", SENprovision="Q"), "/SENhistory/SEN/SENprovision", "value"),
        (
            {"sen": K, "needs": [{"SENtypeRank": "1"}]},
            "/SENhistory/SENneeds/SENneed/SENtype",
            "required",
        ),
        ({"sen": K, "UPN": None}, "/UPN", "required"),
        ({"sen": K, "UPN": ""}, "/UPN", "required"),
        ({"sen": K, "DOB": "02/03/2020"}, "/DOB", "value"),
        ({"SENstatus": "K"}, "/SENstatus", "not-supported"),
        ({"SENprovision": {"SENprovisionInfo": "K"}}, "/SENprovision", "not-supported"),
        (
            {"SENhistory": {"SENstage": {"SENstageType": "K", "SENstageStartDate": "2026-09-07"}}},
            "/SENhistory/SENstage",
            "not-supported",
        ),
    ],
)
def test_a_fault_of_a_pupil_names_its_place(changes: dict[str, Any], place: str, code: str) -> None:
    assert faults(a_pupil(**changes)) == [(place, code)]


def test_all_that_is_wrong_with_a_pupil_is_told_at_once() -> None:
    wrong = a_pupil(sen=[("05/09/26", "Q")], UPN="A896200000103", DOB="2030-01-01", PostCode="CH2")
    assert faults(wrong) == [
        ("/SENhistory/SEN/StartDate", "value"),
        ("/DOB", "birth-date"),
        ("/UPN", "upn"),
    ]


def test_no_fault_and_no_note_holds_a_value_of_the_file() -> None:
    secret = "Birdwhistle"
    wrong = a_pupil(sen=[(secret, secret)], Sex=secret, UPN=secret, Surname=secret, PostCode=secret)
    entry, *_ = pupils(a_ctf(wrong))
    assert entry.faults
    assert secret not in f"{entry.faults}{entry.notes}{entry.place}{entry.places}"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"UPN": "D89620001234A"}, ctf.TEMPORARY),
        ({"LookedAfter": {"InCare": "Y", "CareAuthority": "XXX"}}, ctf.CARED_FOR),
        ({"Sex": "X"}, ctf.SEX),
    ],
)
def test_what_the_sender_should_know_is_noted(changes: dict[str, Any], note: str) -> None:
    (entry,) = pupils(a_ctf(a_pupil(sen=K, **changes)))
    assert entry.document is not None
    assert entry.notes == (note,)


RIGHT = a_ctf(a_pupil(sen=K, Sex=None, Gender="F", Surname="Ångström-O’Neill"))


def with_text(*replacements: tuple[str, str], encoding: str = "utf-8", mark: bytes = b"") -> bytes:
    text = RIGHT.decode()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return mark + text.encode(encoding)


@pytest.mark.parametrize(
    "body",
    [
        RIGHT,
        with_text(mark=b"\xef\xbb\xbf"),
        with_text(("utf-8", "utf-16"), encoding="utf-16"),
        with_text(("utf-8", "utf-16"), encoding="utf-16-le"),
        with_text(("utf-8", "utf-16")),  # a .NET string that was saved as UTF-8
        with_text(("utf-8", "windows-1252"), encoding="cp1252"),
        with_text(encoding="cp1252"),
        with_text(("utf-8", "iso-8859-1")),
        with_text(('<?xml version="1.0" encoding="utf-8"?>', "")),
        with_text(("<CTFversion>25.0</CTFversion>", "<CTFversion>25</CTFversion>")),
        with_text(("<CTFversion>25.0</CTFversion>", "<CTFversion>11.0</CTFversion>")),
        with_text(("<CTFversion>25.0</CTFversion>", "")),
        with_text(("<CTfile>", '<CTfile xmlns:xsi="http://x" xsi:schemaLocation="y" v="25">')),
        with_text(("<CTfile>", '<c:CTfile xmlns:c="urn:x">'), ("</CTfile>", "</c:CTfile>")),
        with_text(("<CTfile>", "<!-- our export --><CTfile>")),
        with_text(("CTFpupilData", "Pupils")),
        with_text(("<CTFpupilData>", ""), ("</CTFpupilData>", "")),
        with_text(("CTfile", "ATfile"), ("CTFpupilData", "ATFpupilData")),
        with_text(("partial", "full")),
    ],
)
def test_every_way_of_writing_the_file_is_read(body: bytes) -> None:
    (entry,) = pupils(body)
    assert entry.document is not None
    assert entry.document["child"]["familyName"] == "Ångström-O’Neill"
    assert entry.document["child"]["sex"] == "female"
    assert entry.document["notice"]["provision"] == "K"


@pytest.mark.parametrize(
    ("written", "sent", "noted"),
    [
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00+00:00", ()),
        ("2026-07-01T10:00:00", "2026-07-01T09:00:00+00:00", ()),  # summer time
        ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00+00:00", ()),
        ("2026-11-20", "2026-11-20T00:00:00+00:00", ()),
        (None, NOW.isoformat(), (ctf.NO_CLOCK,)),
        ("yesterday", NOW.isoformat(), (ctf.NO_CLOCK,)),
    ],
)
def test_the_time_of_sending_is_the_header_s(
    written: str | None, sent: str, noted: tuple[str, ...]
) -> None:
    head, entry, *_ = read(a_ctf(a_pupil(sen=[("2026-01-05", "K")]), DateTime=written))
    assert entry.document is not None
    assert (entry.document["sent"], head.notes) == (sent, noted)


@pytest.mark.parametrize(
    ("header", "faults"),
    [
        ({"SourceSchool": {}}, ["/SourceSchool/LEA required", "/SourceSchool/Estab required"]),
        (
            {"SourceSchool": {"LEA": "XXX", "Estab": "99"}},
            ["/SourceSchool/LEA laestab", "/SourceSchool/Estab laestab"],
        ),
        ({"DateTime": "2026-11-24T12:00:00"}, ["/DateTime sent"]),
    ],
)
def test_a_fault_of_the_header_refuses_the_file(header: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(NotUnderstood) as refused:
        read(a_ctf(a_pupil(sen=K), **header))
    assert [f"{f.pointer} {f.code}" for f in refused.value.faults] == [
        f"/CTfile/Header{fault}" for fault in faults
    ]


def test_a_file_for_another_authority_is_taken_with_a_note() -> None:
    head, *_ = read(a_ctf(a_pupil(sen=K), DestSchool={"LEA": "895", "Estab": "LLLL"}))
    assert head.notes == (ctf.OTHER_AUTHORITY,)


DEEP = b"<CTfile><Header/>" + b"<a>" * 100
WIDE = a_ctf(a_pupil(sen=K * 2000))
LAUGHS = b'<!DOCTYPE CTfile [<!ENTITY a "ha">]><CTfile>&a;</CTfile>'
ORDER = xml("CTfile", {"CTFpupilData": {"Pupil": a_pupil(sen=K)}, "Header": SCHOOL_HEADER})


@pytest.mark.conforms(
    standard="Common Transfer File", event="CTfile", format="XML", direction="in", outcome="refused"
)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (DEEP, "too-deep"),
        (WIDE, "too-large"),
        (LAUGHS, "not-supported"),
        (ORDER.encode(), "required"),
        (b"<CTfile></CTfile>", "required"),
        (b"<CTfile/>", "required"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_says_why(body: bytes, code: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        read(body)
    assert [fault.code for fault in refused.value.faults] == [code]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (RIGHT[:-20], 2),
        (RIGHT.replace(b"</Surname>", b"</Sirname>"), 2),
        (RIGHT + b"<more/>", 3),
        (b"<?xml version='1.0'?>\n<CTfile>\n\x81", 3),
        (b"<CTfile>\0", 1),
    ],
)
def test_what_is_no_xml_is_named_with_its_line(body: bytes, line: int) -> None:
    with pytest.raises(NotWellFormed) as refused:
        read(body)
    assert refused.value.line == line


def test_another_xml_is_of_no_format() -> None:
    with pytest.raises(NotUnderstood) as refused:
        parser_for(b"<Message><Header/></Message>", "application/xml")
    assert refused.value.faults[0].code == "not-supported"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, len(RIGHT) - 1), st.integers(0, 30), st.binary(max_size=8))
def test_whatever_is_cut_out_or_put_in_is_read_or_refused(at: int, cut: int, put: bytes) -> None:
    try:
        for entry in read(RIGHT[:at] + put + RIGHT[at + cut :]):
            assert entry.document is None or not entry.faults
    except Refused:
        pass
