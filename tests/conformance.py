"""The page of what is taken, carried, refused and rendered, as the tests prove it.

A test says what it proves by the marker `conforms`; a test over a published message also names the
message in `real`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import pytest

OUTCOMES = ("taken", "carried", "refused", "rendered")

_INTRODUCTION = """\
# Conformance
Written by `make conformance` from the tests that passed; each number counts tests.

- **taken**: understood, into the canonical model
- **carried**: kept word for word and listed, where no map of ours knows it
- **refused**: with the exact place, and what would be right
- **rendered**: written for a receiver, and read back or validated
- **published**: messages published by the standard's own makers that were understood or refused as \
they should be. They are no part of this repository.
"""


def conforms(
    standard: str, event: str, outcome: str, *, format: str = "JSON", direction: str = "in"
) -> pytest.MarkDecorator:
    """Mark a test by what it proves."""
    return pytest.mark.conforms(
        standard=standard, event=event, format=format, direction=direction, outcome=outcome
    )


class Row(NamedTuple):
    """One line of the page."""

    standard: str
    event: str
    format: str
    direction: str


class Claims:
    """What tests claim to prove: by line and outcome, the tests."""

    def __init__(self) -> None:
        self._tests: dict[Row, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._real: dict[Row, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def claim(
        self,
        test: str,
        *,
        standard: str,
        event: str,
        format: str,
        direction: str,
        outcome: str,
        real: str = "",
    ) -> None:
        """Note that a test proves something."""
        if outcome not in OUTCOMES or direction not in ("in", "out"):
            raise ValueError(
                f"{test}: outcome is one of {', '.join(OUTCOMES)}, direction in or out"
            )
        row = Row(standard, event, format, direction)
        if real:
            self._real[row][real].add(test)
        self._tests[row][outcome].append(test)

    @property
    def rows(self) -> set[Row]:
        """All lines that any test claims."""
        return set(self._tests)

    def page(self, passed: set[str]) -> str:
        """Write the page: what holds by the tests that passed, failing ones left out."""
        lines = [_INTRODUCTION]
        standard = ""
        for row in sorted(self._tests):
            counts = {o: sum(t in passed for t in self._tests[row][o]) for o in OUTCOMES}
            if not any(counts.values()):
                continue
            if row.standard != standard:
                standard = row.standard
                lines += [
                    f"\n## {standard}",
                    "| event or record | format | direction | taken | carried | refused | rendered"
                    " | published |",
                    "|---|---|---|---|---|---|---|---|",
                ]
            real = sum(tests <= passed for tests in self._real[row].values())
            cells = [row.event, row.format, row.direction]
            cells += [str(counts[outcome] or "") for outcome in OUTCOMES]
            lines.append(f"| {' | '.join([*cells, str(real or '')])} |")
        return "\n".join(lines) + "\n"
