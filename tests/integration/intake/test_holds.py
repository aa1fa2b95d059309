"""A hold says why and what is missing, is kept for 30 days, and goes only when it is sent again."""

from datetime import UTC, datetime, timedelta

import pytest

import gateway.intake
from tests.builders import (
    OPINION,
    PRACTICE,
    a_child,
    a_probable_sen_review,
    a_review,
    changed,
    default_policy,
)
from tests.integration.intake.desk import later, told

THIRTY_DAYS = timedelta(days=30)
SEN_TEAM = "cwac-early-years-sen-team"


def a_held_review(**changes):
    """Probable SEN without the opinion that section 23 needs; no practice, so nobody is told."""
    return a_probable_sen_review(
        **{"sharing": {}, "child": a_child(generalPractice=None), **changes}
    )


def standing_holds(desk):
    """Reasons of the holds that nothing has superseded."""
    return [
        row["hold_reason"]
        for row in desk.rows("alert")
        if row["hold_reason"] and not row["superseded_at"]
    ]


@pytest.fixture
def clock(monkeypatch):
    """The gateway's time of receipt, to be moved on by a test."""

    class Clock(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + cls.ahead

    monkeypatch.setattr(gateway.intake, "datetime", Clock)
    return Clock


# What is said and kept


def test_a_hold_names_its_route_basis_and_reason_and_everything_that_is_missing(desk):
    [held] = desk.send(a_held_review()).held
    assert (held.route, held.basis, held.reason) == ("C", "s23", "condition-missing")
    assert held.service == SEN_TEAM
    assert [missing.pointer for missing in held.missing] == [
        "/sharing/opinion/by/name",
        "/sharing/opinion/on",
        "/sharing/opinion/words",
        "/sharing/opinion/parentInformedOn",
        "/sharing/opinion/talkOffered",
    ]
    assert held.do
    assert desk.due() == []


def test_a_held_body_is_kept_sealed(desk):
    desk.send(a_held_review())
    assert "Ashdown" in "".join(desk.blobs("message"))
    assert "Ashdown" not in desk.columns()


# How long


def test_a_held_body_is_erased_after_thirty_days_and_its_id_hash_and_reason_stay(desk):
    receipt = desk.send(a_held_review())
    desk.journal.erase_expired(receipt.received_at + THIRTY_DAYS - timedelta(seconds=1))
    assert desk.blobs("message")
    desk.journal.erase_expired(receipt.received_at + THIRTY_DAYS)
    assert desk.blobs() == []
    [message], [hold] = desk.rows("message"), desk.rows("alert")
    assert (message["id"], message["state"]) == (receipt.id, "erased")
    assert message["canonical_hash"].startswith(f"{desk.codec.hash_id}.")
    assert hold["hold_reason"] == "condition-missing"
    assert "erased" in " ".join(desk.follow(receipt).notes)


def test_a_body_of_which_something_went_out_is_not_erased_with_a_hold(desk):
    receipt = desk.send(a_probable_sen_review(sharing={}))
    desk.journal.erase_expired(receipt.received_at + THIRTY_DAYS)
    assert "Ashdown" in "".join(desk.blobs("message"))
    assert desk.follow(receipt).status == "recorded"


def test_sending_it_again_keeps_an_older_held_body_no_longer(desk, clock):
    review = a_held_review()
    first = desk.send(changed(review, "review.nextStep", "An older step"))
    clock.ahead = timedelta(days=20)
    desk.send(later(review))
    desk.journal.erase_expired(first.received_at + THIRTY_DAYS)
    kept = "".join(desk.blobs("message"))
    assert "Ashdown" in kept
    assert "An older step" not in kept


def test_what_was_told_and_is_then_held_is_kept_for_thirty_days_from_then(desk, clock):
    review = a_review()
    desk.send(review)
    desk.read()
    clock.ahead = timedelta(days=20)
    second = desk.send(later(review, sharing={"agreement": {"status": "refused"}}))
    assert [held.reason for held in second.held] == ["agreement-stops-it"]
    desk.journal.erase_expired(second.received_at + THIRTY_DAYS - timedelta(seconds=1))
    assert desk.blobs("message")
    desk.journal.erase_expired(second.received_at + THIRTY_DAYS)
    assert desk.blobs("message", "version") == []


def test_after_its_erasure_it_is_recognised_and_can_be_sent_again(desk):
    review = a_held_review()
    first = desk.send(review)
    desk.journal.erase_expired(datetime.now(UTC) + THIRTY_DAYS)
    assert desk.answer(review).receipt.id == first.id
    receipt = desk.send(later(review, sharing={"opinion": OPINION}))
    assert [alert.route for alert in receipt.alerts] == ["C"]


# What releases it


def test_the_whole_message_under_a_new_id_with_what_was_missing_releases_it(desk):
    review = a_held_review()
    first = desk.send(review)
    second = desk.send(later(review, sharing={"opinion": OPINION}))
    assert second.record.id == first.record.id
    assert second.held == ()
    assert told(desk.due()) == [(SEN_TEAM, "created")]
    assert standing_holds(desk) == []


def test_so_does_the_same_id_with_a_higher_sequence(desk):
    review = a_held_review()
    desk.send(review)
    desk.send({**review, "sequence": 1, "sharing": {"opinion": OPINION}})
    assert told(desk.due()) == [(SEN_TEAM, "created")]
    assert standing_holds(desk) == []


def test_the_first_receipt_no_longer_shows_a_hold_that_was_released(desk):
    review = a_held_review()
    first = desk.send(review)
    assert desk.follow(first).held == first.held
    desk.send(later(review, sharing={"opinion": OPINION}))
    assert desk.follow(first).held == ()


def test_what_is_released_is_kept_as_long_as_what_went_out(desk):
    review = a_held_review()
    desk.send(review)
    second = desk.send(later(review, sharing={"opinion": OPINION}))
    desk.journal.erase_expired(second.received_at + THIRTY_DAYS)
    assert len(desk.blobs("message")) == 6  # bytes, canonical form and receipt of both


def test_a_change_of_policy_releases_nothing_until_it_is_sent_again(desk, opened):
    review = a_held_review()
    first = desk.send(review)
    policy = default_policy()
    lax = policy.bases["s23"].model_copy(update={"needs": ()})
    after = opened(policy=policy.model_copy(update={"bases": {**policy.bases, "s23": lax}}))
    assert after.due() == []
    again = after.answer(review)
    assert again.repeated
    assert again.receipt.held == first.held
    assert after.due() == []
    assert after.send(later(review)).held == ()
    assert told(after.due()) == [(SEN_TEAM, "created")]


# Holds of a thread that was told


def test_who_was_told_and_may_no_longer_be_is_withdrawn_while_it_is_held(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    receipt = desk.send(later(review, sharing={"agreement": {"status": "refused"}}))
    assert told(desk.read()) == [(f"practice-{PRACTICE}".lower(), "withdrawn")]
    assert [(held.route, held.reason) for held in receipt.held] == [("A", "agreement-stops-it")]


def test_a_newer_hold_takes_the_older_ones_place(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(later(review, 30, sharing={"agreement": {"status": "refused"}}))
    desk.read()
    desk.send(later(review, 40, sharing={"restricted": True}))
    assert standing_holds(desk) == ["restricted"]


def test_a_hold_falls_when_its_route_no_longer_fires(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(later(review, 30, sharing={"agreement": {"status": "refused"}}))
    desk.read()
    desk.send(later(review, 40, child=a_child(generalPractice=None)))
    assert standing_holds(desk) == []


def test_a_retraction_ends_a_hold_and_leaves_nothing_of_it(desk):
    review = a_held_review()
    desk.send(review)
    desk.send(later(review, action="retract", retractReason="cancelled"))
    assert standing_holds(desk) == []
    assert desk.blobs("message", "version") == []
