"""Nothing is answered with success before it is on disk, and what failed left nothing behind."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.errors import NotUnderstood
from gateway.journal import Codec, Journal, JournalAway, Transaction
from tests.builders import a_child, a_probable_sen_review, a_report, a_review
from tests.integration.intake.desk import Desk, on_both
from tests.unit.adapters.fhir_reading import resource
from tests.unit.adapters.fhir_writer import bundle_of
from tests.unit.adapters.stu3_bundles import a_review as stu3_review

pytestmark = on_both


def fails_in(monkeypatch, method, how):
    """Let a step of the transaction fail, at its very end."""
    original = getattr(Transaction, method)

    def failing(tx, *given, **named):
        original(tx, *given, **named)
        how(tx)

    monkeypatch.setattr(Transaction, method, failing)


@pytest.mark.parametrize("step", ["add_message", "add_alert", "add_version", "count"])
def test_an_error_at_any_step_leaves_nothing_and_the_message_can_be_sent_again(
    desk, monkeypatch, step
):
    def fails(_):
        raise RuntimeError("a fault of ours")

    review = a_probable_sen_review()
    with monkeypatch.context() as patched:
        fails_in(patched, step, fails)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            desk.send(review)
    assert desk.counts() == {}
    assert len(desk.send(review).alerts) == 2


def test_a_message_that_fails_takes_none_of_those_beside_it_along(desk, monkeypatch):
    original = Transaction.add_message

    def failing(tx, new, **bodies):
        if new.organisation == "ods:RJR":
            raise RuntimeError("a fault of ours")
        original(tx, new, **bodies)

    monkeypatch.setattr(Transaction, "add_message", failing)
    answers = desk.send_all([a_review(), a_review(source={"odsCode": "RJR"}), a_report()])
    assert [isinstance(answer, RuntimeError) for answer in answers] == [False, True, False]
    assert desk.counts()["message"] == 2


def test_a_journal_that_fails_in_mid_work_has_accepted_nothing(desk, another, codec, monkeypatch):
    def fails(tx):
        if tx._connection.dialect.name == "sqlite":
            tx._connection.execute(text("PRAGMA query_only = ON"))
        else:
            tx._connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    review = a_probable_sen_review()
    with monkeypatch.context() as patched:
        fails_in(patched, "add_alert", fails)
        with pytest.raises(JournalAway):
            desk.send(review)
    again = Desk(another, codec, desk.intake.rules.policy)
    assert again.counts() == {}
    assert len(again.send(review).alerts) == 2


@pytest.mark.parametrize(("media", "place"), [("json", "/sent"), ("fhir", "Bundle.timestamp")])
def test_a_message_from_the_future_is_refused_since_it_would_stand_over_all_others(
    desk, media, place
):
    tomorrow = a_review(sent=(datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds"))
    with pytest.raises(NotUnderstood) as refused:
        desk.send(tomorrow if media == "json" else bundle_of(tomorrow), media)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [(place, "sent")]


def test_a_review_of_the_future_is_refused_whatever_its_header_says(desk):
    scales, later = stu3_review(), datetime.now(UTC) + timedelta(days=3)
    resource(scales, "Encounter")["period"] = {"start": later.date().isoformat()}
    with pytest.raises(NotUnderstood) as refused:
        desk.send(scales, "fhir")
    [fault] = refused.value.faults
    assert (fault.pointer.rpartition(".ofType")[2], fault.code) == (
        "(Encounter).period.start",
        "review-date",
    )


def test_a_journal_that_is_closed_accepts_nothing(database, codec: Codec, desk):
    with Journal(database, codec) as journal:
        closed = Desk(journal, codec, desk.intake.rules.policy)
    with pytest.raises(JournalAway):
        closed.send(a_review(child=a_child()))
    assert desk.counts() == {}
