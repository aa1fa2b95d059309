"""docs/conformance.md names exactly what the tests claim to prove."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import Claims, Row

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def rows_of(page: str) -> set[Row]:
    rows, standard = set(), ""
    for line in page.splitlines():
        if line.startswith("## "):
            standard = line[3:]
        elif found := re.match(r"\| (.+?) \| (\w+) \| (in|out) \|", line):
            rows.add(Row(standard, found[1], found[2], found[3]))
    return rows


def test_the_page_names_what_the_tests_prove(claims: Claims, pytestconfig: pytest.Config) -> None:
    listed = rows_of(PAGE.read_text(encoding="utf-8"))
    assert claims.rows <= listed, "run `make conformance`"
    if pytestconfig.args == pytestconfig.getini("testpaths"):  # the whole suite was collected
        assert claims.rows == listed, "run `make conformance`"


def test_what_did_not_pass_is_not_on_the_page() -> None:
    claims = Claims()
    of = {"standard": "S", "format": "JSON", "direction": "in", "outcome": "taken"}
    claims.claim("passes", event="E1", **of)
    claims.claim("fails", event="E2", **of)
    assert rows_of(claims.page({"passes"})) == {Row("S", "E1", "JSON", "in")}


def test_published_messages_are_counted_once_each() -> None:
    claims = Claims()
    of = {"standard": "S", "event": "E", "format": "JSON", "direction": "in", "outcome": "taken"}
    for test in ("a", "b", "c"):
        claims.claim(test, **of, real="x.json" if test != "c" else "y.json")
    assert "| 3 |  |  |  | 2 |" in claims.page({"a", "b", "c"})
    assert "| 2 |  |  |  | 1 |" in claims.page({"a", "c"}), "x.json is passed only if all of it is"
