"""docs/fhir-profiles.md and the tables that it is written from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.inbound.fhir import PROFILES, profile
from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.describe import describe
from adapters.inbound.fhir.profile import Profile, TableFault, load_tables
from schemas.fields import resolve
from schemas.message import BODY
from tests.unit.adapters.fhir_reading import EXAMPLES, SAMPLES, example, read

DOCUMENT = Path(__file__).parents[3] / "docs" / "fhir-profiles.md"

NOT_CANONICAL = ("required", "refused", "noted")


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == describe()


def test_every_event_and_shape_has_a_sample_and_every_sample_is_linked() -> None:
    linked = re.findall(r"examples/fhir/([\w./-]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    there = [path for path in EXAMPLES.rglob("*") if path.is_file()]
    assert sorted(linked) == sorted(path.relative_to(EXAMPLES).as_posix() for path in there)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_taken_as_what_its_name_says(name: str) -> None:
    parsed = read(example(name))
    folder, event = name.removesuffix(".json").split("/")
    assert event == parsed.event or (folder == "r4" and event.startswith(BODY[parsed.message.kind]))


@pytest.mark.parametrize("one", PROFILES, ids=lambda one: one.version)
def test_every_row_names_a_property_of_the_canonical_message(one: Profile) -> None:
    for event in one.events.values():
        for table in {name for shape in event.tables for name in event.read_by(shape)[1:]}:
            for row in one.tables[table]:
                if row.canonical not in NOT_CANONICAL and not row.canonical.startswith("%"):
                    assert resolve(row.keys, [event.kind]) is None, row.canonical


@pytest.mark.parametrize("one", PROFILES, ids=lambda one: one.version)
def test_every_name_that_a_row_uses_is_defined_before(one: Profile) -> None:
    for event, shape in [(e, shape) for e in one.events.values() for shape in e.tables]:
        known: set[str] = set()
        order = (*event.read_by(shape), *(t for t in one.tables if t[0].isupper()))
        for table in order:
            for row in one.tables[table]:
                used = set(re.findall(r"%[\w-]+", row.fhir))
                # Parts that a kind has not: a notice and a report have no panel.
                assert used <= known or table[0].isupper(), (table, row.canonical, used - known)
                if row.canonical.startswith("%"):
                    known.add(row.canonical)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("message,id,Bundle.where(,,", "wrong.csv, row 2, column fhir: ends too early"),
        ("message,id,Bundle.id,guess,", "wrong.csv, id, column convert: `guess`"),
    ],
)
def test_a_wrong_row_is_named_when_the_tables_are_loaded(
    row: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong.csv").write_text(f"table,canonical,fhir,convert,note\n{row}\n")
    monkeypatch.setattr(profile, "files", lambda _: tmp_path)
    with pytest.raises(TableFault) as refused:
        load_tables("wrong.csv", CONVERTERS)
    assert wrong in str(refused.value)
