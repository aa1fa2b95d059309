"""One review that comes as several events: its state is a pure fold of the latest of each part."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.record import Part, fold
from tests.unit.adapters.fhir_reading import read
from tests.unit.adapters.stu3_bundles import COMMUNICATION_30, a_panel, an_event, payload_of
from tests.unit.adapters.stu3_events import (
    a_communication,
    developmental_skill,
    early_years_progress,
    educational_history,
    legal_fact,
    parents_comment,
    plan,
    safety_alert,
)

VERSIONS: dict[str, list[list[Any]]] = {
    "CH004": [[a_panel({COMMUNICATION_30: 25}, "A")], [a_panel({COMMUNICATION_30: 40}, "B")]],
    "CH010": [[early_years_progress("Y")], [early_years_progress("N")]],
    "CH016": [payload_of("CH016"), [*payload_of("CH016"), a_communication("Lift")]],
    "CH020": [
        [developmental_skill(), developmental_skill("1094981000000100")],
        [developmental_skill()],
    ],
    "CH022": [[parents_comment()], [parents_comment(), a_communication("She laughs")]],
    "CH025": [[plan()], [plan() | {"description": "Ring"}]],
    "CH026": [[a_communication("One"), a_communication("Two")], [a_communication("Two")]],
    "CH029": [[safety_alert(), safety_alert("Risk to self")], [safety_alert()]],
    "CH032": [[educational_history(), a_communication("One")], [educational_history()]],
    "CH033": [[legal_fact(), legal_fact("764841000000100")], [legal_fact()]],
}
"""Of each event what comes first, and what comes in its place: some have less in their lists."""


@cache
def part(event: str, version: int, action: str) -> Part:
    """The message of an event, sent at a minute of its own; a deletion takes the place of all."""
    payload = copy.deepcopy(VERSIONS[event][version % 2])
    minute = 3 * list(VERSIONS).index(event) + version
    sent = f"2026-11-18T15:{minute:02}:00+00:00"
    message = read(an_event(event, payload, action=action, sent=sent)).message
    order = (message.sent, 0, f"{event} {version}")
    return Part("ods:RXA", event, action == "delete", order, message)


@st.composite
def histories(draw: st.DrawFn) -> list[Part]:
    """Return up to three messages of each event, in any order of arrival, some of them twice."""
    parts = []
    for event in draw(st.sets(st.sampled_from(sorted(VERSIONS)), min_size=1)):
        for version in draw(st.sets(st.sampled_from([0, 1, 2]), min_size=1)):
            action = "new" if version == 0 else draw(st.sampled_from(["update", "delete"]))
            parts += [part(event, version, action)] * draw(st.integers(1, 2))
    return draw(st.permutations(parts))


@settings(deadline=None, max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_the_state_is_the_latest_of_each_part_in_whatever_order_they_come(
    parts: list[Part], random: Any
) -> None:
    latest = [p for p in parts if not any(other.stands_over(p) for other in parts)]
    standing = {p.event: p for p in latest if not p.retracts}
    shuffled = random.sample(parts, len(parts))
    state, gone = fold(parts)
    assert (fold(shuffled), fold(latest)) == ((state, gone), (state, gone))
    assert gone == 0
    assert (state is None) == (not standing)
    if state is None:
        return
    folded = state.document()
    for name in (
        "comments",
        "developmentalSkills",
        "views",
        "safetyAlerts",
        "legalFacts",
        "actions",
    ):
        stated = [
            one
            for p in sorted(standing.values(), key=lambda p: p.order)
            for one in (p.message and p.message.document()["review"].get(name)) or ()
        ]
        assert folded["review"].get(name, []) == _once(stated), name
    plan = standing.get("CH033")
    assert folded["child"].get("childProtectionPlan") is (True if plan else None)
    assert ("agreement" in folded.get("sharing", {})) == ("CH010" in standing)


def _once(items: list[Any]) -> list[Any]:
    """The fold joins what parts say in one list, and says what two say alike once."""
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
