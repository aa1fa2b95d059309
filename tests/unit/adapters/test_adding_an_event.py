"""docs/adding-an-event.md is carried out: its blocks make an event that is refused without them."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adapters.inbound import fhir
from adapters.inbound.fhir import profile, stu3
from adapters.inbound.fhir.convert import CONVERTERS
from tests.unit.adapters import fhir_reading
from tests.unit.adapters.fhir_reading import faults

PAGE = (Path(__file__).parents[3] / "docs" / "adding-an-event.md").read_text(encoding="utf-8")
ROW, TABLE, MESSAGE, TEST = re.findall(r"^```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NAME = "stu3/CH008.json"


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's test as a module, over a profile that has the page's row and table."""
    rows = files(fhir).joinpath("stu3.csv").read_text(encoding="utf-8") + TABLE
    (tmp_path / "stu3.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "stu3").mkdir()
    (tmp_path / NAME).write_text(MESSAGE, encoding="utf-8")
    uses = "import pytest\nfrom tests.unit.adapters.fhir_reading import example, faults, read\n\n\n"
    (tmp_path / "added.py").write_text(uses + TEST, encoding="utf-8")
    monkeypatch.setattr(profile, "files", lambda _: tmp_path)
    taken = replace(
        stu3.PROFILE,
        tables=profile.load_tables("stu3.csv", CONVERTERS),
        events=stu3.PROFILE.events | stu3.review_events(ast.literal_eval(f"{{{ROW}}}")),
    )
    monkeypatch.setattr(fhir, "PROFILES", (taken, *fhir.PROFILES[1:]))
    monkeypatch.setattr(fhir_reading, "EXAMPLES", tmp_path)
    spec = importlib.util.spec_from_file_location("added", tmp_path / "added.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_second_generation(bundle: Any) -> Any:
    event = {"system": "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1", "code": "problem-list-1"}
    bundle["entry"][0]["resource"]["event"] = event
    return bundle


def test_the_pages_own_tests_pass(added: ModuleType) -> None:
    tests = [test for name, test in vars(added).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_event_is_taken_in_both_generations(added: ModuleType) -> None:
    message = json.loads(MESSAGE)
    first = added.read(message)
    assert added.read(in_second_generation(message)).message == first.message


@pytest.mark.parametrize("generation", [lambda bundle: bundle, in_second_generation])
def test_without_the_page_the_event_is_refused(generation: Any) -> None:
    found = faults(generation(json.loads(MESSAGE)))
    assert {at: code for at, (code, _) in found.items()} == {
        "Bundle.entry[0].resource.event.code": "not-supported"
    }
