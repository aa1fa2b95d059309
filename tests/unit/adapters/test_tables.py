"""CSV and XLSX with a published header."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import NotUnderstood, NotWellFormed
from adapters.inbound.files import FILE, Entry, Upload, tabular
from adapters.inbound.files.cells import column_letters
from adapters.inbound.files.convert import CONVERTERS
from adapters.inbound.files.describe import describe
from adapters.inbound.files.tabular import NO_ROW
from adapters.inbound.files.templates import NAMES, template_csv, template_xlsx, templates
from adapters.inbound.files.understanding import understand
from schemas.fields import resolve
from schemas.record import record_key
from tests.builders import tables
from tests.school_files import a_upn
from tests.unit.adapters.file_reading import (
    EXAMPLES,
    SCHOOL,
    TRUST,
    a_csv,
    a_workbook,
    example,
    taken,
)

NOTICE = "sen-support-notice"
DOCUMENT = Path(__file__).parents[3] / "docs" / "tables.md"


def read(body: bytes, upload: Upload = SCHOOL) -> list[Entry]:
    return list(tabular.PARSER(body, upload, tables()))


def the_entry(body: bytes, upload: Upload = SCHOOL) -> Entry:
    (entry,) = read(body, upload)
    return entry


def refused(body: bytes) -> list[tuple[str, str]]:
    with pytest.raises(NotUnderstood) as error:
        read(body)
    return [(fault.pointer, fault.code) for fault in error.value.faults]


# Templates


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == describe()


@pytest.mark.parametrize("name", NAMES)
def test_every_column_fills_a_property_by_a_converter_that_there_is(name: str) -> None:
    template = templates()[name]
    kind = "sen-support-notice" if name == NOTICE else "referral"
    for one in (*template.columns, *template.constants):
        for path in one.paths:
            steps = [part for part in path.split(".") if not part.isdigit()]
            assert resolve(steps, [kind]) is None, (one.header, path)  # type: ignore[list-item]
        assert one.convert in CONVERTERS if one.header else one.convert.startswith("=")
    spellings = sum(1 + len(one.also) for one in template.columns)
    assert len(template.known) == spellings, "one header means one column"


@pytest.mark.parametrize(
    ("name", "format_"), [(name, format_) for name in NAMES for format_ in ("CSV", "XLSX")]
)
def test_the_example_of_a_template_is_a_valid_message(name: str, format_: str) -> None:
    write = template_csv if format_ == "CSV" else template_xlsx
    entry = the_entry(write(name, example=True))
    message = taken(entry)
    assert message.kind == ("sen-support-notice" if name == NOTICE else "referral")
    stated = {path for one in templates()[name].columns if one.example for path in one.paths}
    assert set(entry.places) == {"/" + path.replace(".", "/") for path in stated}
    (said,) = read(write(name))
    assert said == Entry(place=FILE, notes=(NO_ROW,)), "what is downloaded holds no child"


_CONFORMS: dict[str, Any] = {"outcome": "taken", "direction": "in"}


@pytest.mark.parametrize(
    ("file", "upload", "type_"),
    [
        pytest.param(
            "sen-support-notices.csv",
            SCHOOL,
            None,
            marks=pytest.mark.conforms(
                standard="CSV", event="sen-support-notice", format="CSV", **_CONFORMS
            ),
        ),
        pytest.param(
            "sen-support-notices.xlsx",
            SCHOOL,
            None,
            marks=pytest.mark.conforms(
                standard="XLSX", event="sen-support-notice", format="XLSX", **_CONFORMS
            ),
        ),
        pytest.param(
            "section-23.csv",
            TRUST,
            "section-23-notification",
            marks=pytest.mark.conforms(
                standard="Section 23 notification", event="referral", format="CSV", **_CONFORMS
            ),
        ),
        pytest.param(
            "ehc-requests.csv",
            SCHOOL,
            "ehc-needs-assessment",
            marks=pytest.mark.conforms(
                standard="EHC needs assessment request", event="referral", format="CSV", **_CONFORMS
            ),
        ),
        pytest.param(
            "referrals.csv",
            TRUST,
            "service",
            marks=pytest.mark.conforms(standard="CSV", event="referral", format="CSV", **_CONFORMS),
        ),
    ],
)
def test_a_sample_is_taken_whole(file: str, upload: Upload, type_: str | None) -> None:
    entries = read((EXAMPLES / file).read_bytes(), upload)
    assert len(entries) > 1
    for entry in entries:
        message = taken(entry)
        assert type_ is None or message.referral.type == type_  # type: ignore[union-attr]


# Files


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_is_read_however_it_was_saved(delimiter: str, encoding: str) -> None:
    row = example(NOTICE, Surname="Öztürk-Müller", Outcomes='Says "more", often;\nasks\nfor help')
    message = taken(the_entry(a_csv(row, delimiter=delimiter, encoding=encoding)))
    assert message.child.family_name == "Öztürk-Müller"
    assert message.notice.outcomes == ('Says "more", often', "asks", "for help")  # type: ignore[union-attr]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_ends_as_any_system_ends_it(end: str) -> None:
    body = a_csv(example(NOTICE)).replace(b"\r\n", end.encode())
    assert taken(the_entry(body)).child.family_name == "Eaton"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("Surname,Ł".encode() + b"\xe9\n", "UTF-8 in part"),
        (b"Surname,\x81\x8d\n", "neither UTF-8 nor"),
        (b'UPN,"Surname\n', "a quotation mark is opened"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "old kind (.xls)"),
        (b"\xff\xfeU\x00P", "not UTF-16"),
    ],
)
def test_what_is_no_table_is_named(body: bytes, says: str) -> None:
    with pytest.raises(NotWellFormed) as error:
        read(body)
    assert says in error.value.detail


def test_a_header_is_known_in_any_order_and_case_and_by_its_other_names() -> None:
    row = example(NOTICE)
    renamed = {f" {name.upper()}:": value for name, value in reversed(row.items())}
    renamed["dob"] = renamed.pop(" DATE OF BIRTH:")
    body = b"sep=,\n" + a_csv(renamed)
    assert taken(the_entry(body)) == taken(the_entry(a_csv(row)))


def test_a_wrong_header_is_told_whole_and_once() -> None:
    row = example(NOTICE)
    del row["Start date"], row["SEN provision"]
    row = {"Sirname": "Eaton", **row, "Given name": "Finn", "Ethnicity": "x"}
    assert refused(a_csv(row, row)) == [
        ("row 1, column A", "unknown-column"),
        (f"row 1, column {column_letters(len(row) - 2)}", "duplicate-column"),
        ("row 1", "required"),
        ("row 1", "required"),
    ]
    with pytest.raises(NotUnderstood, match="did you mean `Surname`"):
        read(a_csv(row))


def test_what_nobody_may_need_is_left_out_and_named_once() -> None:
    row = {"Free school meals": "yes", **example(NOTICE), "Ethnicity": "WBRI"}
    about, one, two = read(a_csv(row, {**row, "UPN": a_upn(2)}))
    assert (about.place, about.document) == (FILE, None)
    assert "ethnicity" in about.notes[0]
    assert "free school meals" in about.notes[0]
    assert not one.notes + two.notes
    assert "WBRI" not in str(one.document)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"a,b\n1,2\n", b"hello"])
def test_a_file_without_a_known_header_is_refused(body: bytes) -> None:
    assert [place for place, _ in refused(body)] == ["row 1"]


def test_a_file_of_too_many_rows_is_refused_before_any_is_taken() -> None:
    assert refused(a_csv(example(NOTICE)) + b"x\n" * 50_000) == [("row 50001", "too-large")]


# Rows


@pytest.mark.conforms(
    standard="CSV", event="sen-support-notice", format="CSV", direction="in", outcome="refused"
)
def test_every_fault_of_a_row_is_told_with_its_place_and_no_value() -> None:
    row = example(
        NOTICE,
        UPN="A896200026000",
        NHS_number="9.99E+09",
        Date_of_birth="31/02/2020",
        Parental_responsibility="perhaps",
        SEN_provision="Watch list",
        Stage="dreaming",
        Forename="",
        Parents_told_on="5/9/26",
        Town="T" * 300,
    )
    entry = the_entry(a_csv(row))
    assert entry.document is None
    letters = {name: column_letters(index) for index, name in enumerate(row)}
    assert {(fault.pointer, fault.code) for fault in entry.faults} == {
        (f"row 2, column {letters[name]} ({name})", code)
        for name, code in {
            "UPN": "upn",
            "NHS number": "excel-number",
            "Date of birth": "date",
            "Parental responsibility": "value",
            "SEN provision": "value",
            "Stage": "value",
            "Forename": "required",
            "Parents told on": "date",
            "Town": "value",
        }.items()
    }
    told = " ".join(fault.detail for fault in entry.faults)
    for value in row.values():
        assert value == "" or len(value) < 4 or value not in told or value in ("Finn",)
    assert "Excel has turned it into a number" in told


@pytest.mark.parametrize(
    ("changes", "gone", "place"),
    [
        ({"Parents told on": ""}, (), "row 2, column AB (Parents told on)"),
        ({}, ("Parents told on",), "row 2, Parents told on"),
        ({"Action": "retract"}, (), "row 2, column AK (Reason for retracting)"),
    ],
)
def test_what_must_stand_beside_another_cell_is_named_by_its_column(
    changes: dict[str, str], gone: tuple[str, ...], place: str
) -> None:
    row = {**example(NOTICE), **changes}
    entry = the_entry(a_csv({name: cell for name, cell in row.items() if name not in gone}))
    assert entry.document
    found = understand(
        dataclasses.replace(entry, document={**entry.document, "id": "1"}), {}, SCHOOL.sent
    )
    assert isinstance(found, tuple)
    assert [fault.pointer for fault in found] == [place]


def test_a_list_that_begins_late_still_names_the_column_that_is_missing() -> None:
    row = example(
        "ehc-needs-assessment-request",
        Professional_involved="",
        Professional_involved_role="",
        Second_professional_involved_role="Paediatrician",
    )
    found = understand(the_entry(a_csv(row)), {}, SCHOOL.sent)
    assert isinstance(found, tuple)
    assert ["(Second professional involved)" in fault.pointer for fault in found] == [True]


def test_areas_of_need_are_known_with_an_ampersand_too() -> None:
    areas = "Communication & interaction; Social, emotional & mental health"
    row = example("section-23-notification", Areas_of_need=areas)
    (conclusion,) = taken(the_entry(a_csv(row), TRUST)).conclusions
    assert conclusion.areas == (
        "communication-and-interaction",
        "social-emotional-and-mental-health",
    )


def test_a_workbook_names_the_cell() -> None:
    row = example(NOTICE, Start_date="soon")
    entry = the_entry(a_workbook(list(row), [], list(row.values())))
    letter = column_letters(list(row).index("Start date"))
    assert [fault.pointer for fault in entry.faults] == [f"row 3, cell {letter}3 (Start date)"]


GOOD, BAD, EMPTY = "good", "bad", "empty"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([GOOD, BAD, EMPTY]), max_size=30), st.booleans())
def test_no_row_is_lost_and_none_is_taken_for_another(kinds: list[str], workbook: bool) -> None:
    header = list(example(NOTICE))
    made = {
        GOOD: lambda upn: list(example(NOTICE, UPN=upn).values()),
        BAD: lambda upn: list(example(NOTICE, UPN=upn, Date_of_birth="?").values()),
        EMPTY: lambda _: [""] * len(header),
    }
    rows = [made[kind](a_upn(number)) for number, kind in enumerate(kinds)]
    if workbook:
        body = a_workbook(header, *rows)
    else:
        quoted = [",".join(f'"{cell}"' for cell in row) for row in [header, *rows]]
        body = "\r\n".join(quoted).encode()
    entries = [entry for entry in read(body) if entry.place != FILE]
    expected = [(number, kind) for number, kind in enumerate(kinds, start=2) if kind != EMPTY]
    assert [entry.place for entry in entries] == [f"row {number}" for number, _ in expected]
    for entry, (_, kind) in zip(entries, expected, strict=True):
        assert (entry.document is None, bool(entry.faults)) == (kind == BAD, kind == BAD)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2020-09-30", "2020-09-30"),
        ("30/09/2020", "2020-09-30"),
        ("3/4/2020", "2020-04-03"),
        ("30.09.2020", "2020-09-30"),
        ("2020-09-30 00:00:00", "2020-09-30"),
        (date(2020, 9, 30), "2020-09-30"),
        (datetime(2020, 9, 30, 13, 0), "2020-09-30"),
        (44104, "2020-09-30"),
        (44104.0, "2020-09-30"),
        ("44104", None),
        ("09/30/2020", None),
        ("30/09/20", None),
        ("30 September 2020", None),
        (-1, None),
        (1e300, None),
        (True, None),
    ],
)
def test_a_date_is_read_day_first_and_never_guessed(written: Any, day: str | None) -> None:
    row: dict[str, Any] = {**example(NOTICE), "Date of birth": written}
    entry = the_entry(a_workbook(list(row), list(row.values())))
    if day is None:
        assert [fault.code for fault in entry.faults] == ["date"]
    else:
        assert taken(entry).child.birth_date == day


@pytest.mark.parametrize(
    ("header", "written", "path", "value"),
    [
        ("NHS number", 9990001057, "child.nhsNumber", "9990001057"),
        ("NHS number", "999 000 1057", "child.nhsNumber", "9990001057"),
        ("School URN", 199901.0, "child.setting.urn", "199901"),
        ("Surname", "=cmd|' /C calc'!A0", "child.familyName", None),
        ("Surname", "+Eaton", "child.familyName", "+Eaton"),
        ("Sex", "F", "child.sex", "female"),
        (
            "Parental responsibility",
            False,
            "child.responsiblePeople.0.parentalResponsibility",
            False,
        ),
        ("SEN provision", "sen  support", "notice.provision", "K"),
        ("SEN provision", "EHCP", "notice.provision", "E"),
        ("Primary need", "slcn", "notice.needs.0.type", "SLCN"),
        ("Primary need", "Moderate learning difficulty", "notice.needs.0.type", "MLD"),
        ("Primary need", "PLD", "notice.needs.0.type", "PLD"),
        ("Primary need", "Our own word", "notice.needs.0.type", "Our own word"),
        ("Safe contact", "Speak to sender first", "sharing.safeContact", "speak-to-sender-first"),
        ("Stage", "#N/A", "notice.stage", None),
        ("SENCO telephone", "01244 000303", "professional.phone", "01244 000303"),
        ("Parent telephone", 1.5e15, "child.responsiblePeople.0.phone", None),
    ],
)
def test_a_cell_becomes_what_it_says(header: str, written: Any, path: str, value: Any) -> None:
    row: dict[str, Any] = {**example(NOTICE), header: written}
    entry = the_entry(a_workbook(list(row), list(row.values())))
    if value is None:
        # a formula without a saved value is an empty cell: of a needed column a fault
        assert entry.faults
        return
    node: Any = taken(entry).document()
    for part in path.split("."):
        node = node[int(part)] if part.isdigit() else node.get(part, False)
    assert node == value


def test_a_formula_in_a_csv_is_only_text() -> None:
    name = "=HYPERLINK(0)"
    assert taken(the_entry(a_csv(example(NOTICE, Surname=name)))).child.family_name == name


@pytest.mark.parametrize(
    ("provision", "before", "told"),
    [("K", "", True), ("E", "K", True), ("N", "K", True), ("N", "", False), ("N", "N", False)]
    + [(old, "", False) for old in "SAP"]
    + [("K", "S", True)],
)
def test_a_notice_follows_from_support_that_stands_or_ended(
    provision: str, before: str, told: bool
) -> None:
    entry = the_entry(a_csv(example(NOTICE, SEN_provision=provision, Previous_provision=before)))
    assert not entry.faults
    assert (entry.document is not None) == told
    assert bool(entry.notes) != told


def test_a_secondary_need_alone_keeps_its_rank_and_its_place() -> None:
    row = example(NOTICE, Primary_need="")
    entry = the_entry(a_csv(row))
    assert taken(entry).notice.needs[0].model_dump(exclude_none=True) == {  # type: ignore[union-attr]
        "type": "SEMH",
        "rank": 2,
    }
    assert "(Secondary need)" in entry.places["/notice/needs/0/type"]


def test_a_cell_under_no_header_is_a_fault_and_not_lost() -> None:
    row = example(NOTICE)
    entry = the_entry(a_workbook(list(row), [*row.values(), None, "stray"]))
    assert [fault.code for fault in entry.faults] == ["unknown-column"]


def test_a_row_is_retracted_by_its_action() -> None:
    row = example(NOTICE, Action="Retract", Reason_for_retracting="entered in error")
    message = taken(the_entry(a_csv(row)))
    assert (message.action, message.retract_reason) == ("retract", "entered-in-error")


# Identity


def test_a_row_sent_again_says_the_same_and_a_changed_one_is_of_the_same_record() -> None:
    row, other = example(NOTICE), example(NOTICE, Primary_need="ASD")
    one = the_entry(a_csv(row))
    later = dataclasses.replace(SCHOOL, sent=SCHOOL.sent.replace(month=12))
    changed, again = the_entry(a_csv(other), later), the_entry(a_csv(row), later)
    assert one.document
    assert again.document == {**one.document, "sent": later.sent.isoformat()}
    assert changed.document != again.document
    assert len({record_key(taken(entry)) for entry in (one, again, changed)}) == 1


def test_without_a_reference_child_and_day_name_the_record() -> None:
    def identifier(**changes: str) -> str:
        row = example("section-23-notification", Reference="", **changes)
        return taken(the_entry(a_csv(row), TRUST)).referral.identifier  # type: ignore[union-attr]

    assert identifier() == identifier(Reason="Other words")
    assert len({identifier(), identifier(NHS_number="9990001014"), identifier(NHS_number="")}) == 3
    assert identifier() != identifier(Opinion_formed_on="18/11/2026")


@pytest.mark.parametrize(
    ("body", "media_type", "known"),
    [
        (b"", "text/csv; charset=utf-8", True),
        (template_xlsx(NOTICE), "application/octet-stream", True),
        (template_csv(NOTICE), "application/octet-stream", True),
        (template_csv(NOTICE).decode("utf-8-sig").encode("utf-16"), "", True),
        (b'{"kind": "referral"}', "application/json", False),
        (b"<CTfile/>", "application/xml", False),
        (b"PK\x03\x04", "application/zip", False),
        (b"\xff\xfe\x00", "", False),
        (b"", "", False),
    ],
)
def test_a_table_is_recognised(body: bytes, media_type: str, known: bool) -> None:
    assert tabular.recognises(body, media_type) is known
