"""What MESH took, gave back and brought, on each database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update

from gateway.journal import Alert, Journal, Letter, Returned, Transaction, Way, tables
from gateway.journal.deliveries import MOST_FAILURES
from gateway.journal.erasing import ANSWERED_FOR, KNOWN_FOR
from tests.integration.journal.builders import NOW, SECOND, tell

BOTH = (Way("amqp", "education"), Way("mesh", "sen-team", "cloudevents"))
LATER = NOW + timedelta(hours=1)


def do(journal: Journal, job: Callable[[Transaction], object]) -> object:
    return journal.transact(job).result(30)


def sent_by_mesh(journal: Journal, ref: str = "k.record", reference: str = "M1") -> Alert:
    """Record an alert that goes both ways, and send it by MESH."""
    alert = journal.transact(lambda tx: tell(tx, ref, to=BOTH)).result(30)
    (due,) = journal.deliveries.claim("mesh", "relay", 9, 60, now=NOW)
    assert due.format == "cloudevents"
    journal.deliveries.sent(due.id, reference, NOW + SECOND)
    return alert


def states(journal: Journal, alert: Alert) -> dict[str, str]:
    outcomes = journal.read(lambda q: q.receipt(alert.message_id)).outcomes  # type: ignore[union-attr]
    return {d.channel: d.state for o in outcomes for d in o.deliveries}


def test_an_alert_counts_as_told_by_its_agencys_queue_alone(journal: Journal) -> None:
    alert = sent_by_mesh(journal)
    assert states(journal, alert) == {"amqp": "due", "mesh": "sent"}
    (thread,) = journal.read(lambda q: q.threads("k.record"))
    assert (thread.state, thread.told) == ("due", True)
    assert thread.ways == {Way("mesh", "sen-team")}
    (due,) = journal.deliveries.claim("amqp", "relay", 9, 60, now=NOW)
    journal.deliveries.delivered([due.id], NOW)
    (thread,) = journal.read(lambda q: q.threads("k.record"))
    assert thread.state == "done"


def test_what_was_sent_is_followed_by_one_at_a_time(journal: Journal, another: Journal) -> None:
    alert = sent_by_mesh(journal)
    claim = ("mesh", "poller", 9, 60.0)
    assert journal.deliveries.claim_sent(*claim, now=NOW) == []
    (sent,) = journal.deliveries.claim_sent(*claim, now=NOW + SECOND)
    assert (sent.alert_id, sent.reference) == (alert.id, "M1")
    assert another.deliveries.claim_sent(*claim, now=NOW + SECOND) == []
    journal.deliveries.look_again(sent.id, LATER)
    assert journal.deliveries.claim_sent(*claim, now=LATER) == [sent]
    journal.deliveries.collected(sent.id, LATER)
    assert states(journal, alert)["mesh"] == "delivered"
    assert do(journal, lambda tx: tx.give_back("M1", "mesh-14", LATER)) is None, "it was fetched"


def test_what_came_back_is_due_again_a_few_times(journal: Journal) -> None:
    alert = sent_by_mesh(journal)
    for failures in range(1, MOST_FAILURES + 1):
        reference = f"M{failures}"
        came = do(journal, lambda tx, r=reference: tx.give_back(r, "mesh-14", LATER))  # type: ignore[misc]
        assert came == Returned(alert_id=alert.id, target="sen-team", failures=failures)
        assert states(journal, alert)["mesh"] == "failed"
        assert [b.count for b in journal.deliveries.backlog("failed")] == [1]
        assert journal.deliveries.retry_failed("mesh", now=LATER - SECOND) == 0
        again = failures < MOST_FAILURES
        assert journal.deliveries.retry_failed("mesh", now=LATER) == again
        for due in journal.deliveries.claim("mesh", "relay", 9, 60, now=LATER):
            journal.deliveries.sent(due.id, f"M{failures + 1}", LATER)
    assert journal.deliveries.retry_failed("mesh", everything=True, now=NOW) == 1
    assert states(journal, alert)["mesh"] == "due"


def test_a_letter_is_known_and_its_answer_goes_once(journal: Journal, another: Journal) -> None:
    letter = Letter(id="L1", mailbox="X26", received_at=NOW, status=202, workflow="ANSWER")
    assert do(journal, lambda tx: tx.add_letter(letter, b"the answer")) is True
    assert do(journal, lambda tx: tx.add_letter(letter, b"another")) is False
    assert journal.read(lambda q: q.knows_letter("L1"))
    assert not journal.read(lambda q: q.knows_letter("L2"))
    (reply,) = journal.letters.claim_replies("poller", 9, 60, now=NOW)
    assert (reply.mailbox, reply.workflow, reply.reply) == ("X26", "ANSWER", b"the answer")
    assert another.letters.claim_replies("other", 9, 60, now=NOW) == []
    journal.letters.reply_later("L1", LATER, "mesh-12")
    assert journal.letters.claim_replies("poller", 9, 60, now=LATER - SECOND) == []
    assert journal.letters.claim_replies("poller", 9, 60, now=LATER)[0].attempts == 1
    journal.letters.replied("L1", "M9")
    assert journal.letters.claim_replies("poller", 9, 60, now=LATER + SECOND) == []
    journal.erase_expired(NOW + KNOWN_FOR)
    assert not journal.read(lambda q: q.knows_letter("L1"))


def test_an_answer_that_mesh_does_not_take_is_erased_after_thirty_days(journal: Journal) -> None:
    letter = Letter(id="L1", mailbox="X26", received_at=NOW, status=202, workflow="ANSWER")
    do(journal, lambda tx: tx.add_letter(letter, b"the answer"))
    journal.erase_expired(NOW + ANSWERED_FOR - SECOND)
    (reply,) = journal.letters.claim_replies("poller", 9, 60, now=NOW)
    journal.letters.reply_later(reply.id, LATER, "mesh-12")
    journal.erase_expired(NOW + ANSWERED_FOR)
    late = NOW + ANSWERED_FOR + SECOND
    assert journal.letters.claim_replies("poller", 9, 60, now=late) == []
    assert journal.read(lambda q: q.knows_letter("L1"))
    with journal._reading.connect() as connection:
        assert connection.exec_driver_sql("SELECT reply FROM letter").scalar_one() is None


def test_an_answer_that_no_key_opens_holds_up_no_other(journal: Journal) -> None:
    for name in ("L1", "L2"):
        letter = Letter(id=name, mailbox="X26", received_at=NOW, status=202, workflow="ANSWER")
        do(journal, lambda tx, letter=letter: tx.add_letter(letter, b"the answer"))
    with journal._writing.begin() as connection:
        connection.execute(update(tables.letter).where(tables.letter.c.id == "L1"), {"reply": b"?"})
    assert [r.id for r in journal.letters.claim_replies("p", 9, 60, now=NOW)] == ["L2"]
    assert journal.letters.claim_replies("p", 9, 60, now=NOW + SECOND) == []


def test_a_mailbox_has_a_credential_that_no_key_opens(journal: Journal) -> None:
    def know(organisation: str) -> tuple[str, str, tuple[str, ...]]:
        found = journal.transact(
            lambda tx: tx.know_mailbox("X26", organisation, ["referral"], NOW)
        ).result(30)
        return found.id, found.organisation, found.kinds

    assert know("ods:RXA") == ("mesh:X26", "ods:RXA", ("referral",))
    assert know("ods:RBT") == ("mesh:X26", "ods:RBT", ("referral",)), "the directory says who it is"
    assert journal.read(lambda q: q.credential("X26")) is None
    assert do(journal, lambda tx: tx.revoke("mesh:X26", NOW)) is True
    again = journal.transact(lambda tx: tx.know_mailbox("X26", "ods:RXA", [], NOW)).result(30)
    assert again.revoked_at == NOW
