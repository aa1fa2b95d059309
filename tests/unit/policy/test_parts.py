"""A record of several parts: what protects a child in one of them protects it in all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.policy.engine import Decision
from schemas.record import Part, fold
from tests.builders import a_review, understood
from tests.unit.policy.deciding import an_agreement, decided_on, outcome

Document = dict[str, Any]


def decided_together(*messages: Document) -> Decision:
    """Decide on the record that these messages make, each a part of it, in this order."""
    parts = [
        Part(
            source=f"source-{number}",
            event="review",
            retracts=False,
            order=(datetime(2026, 11, 17, number, tzinfo=UTC), 0, ""),
            message=understood(message).message,
        )
        for number, message in enumerate(messages)
    ]
    folded, _ = fold(parts)
    assert folded
    return decided_on(folded)


def test_a_record_is_restricted_while_any_part_of_it_says_so() -> None:
    for order in ((True, False), (False, True)):
        decision = decided_together(*(a_review(sharing={"restricted": one}) for one in order))
        assert decision.alerts == ()


def test_parents_disagree_while_any_part_of_the_record_says_so() -> None:
    agreed = {"agreement": an_agreement("setting")}
    for order in ((True, False), (False, True)):
        decision = decided_together(
            *(a_review(sharing={**agreed, "disagreement": one}) for one in order)
        )
        assert outcome(decision, "B") == "disagreement"
