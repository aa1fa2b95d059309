"""What stands of an alert, by any id of its thread, and who has seen it."""

from __future__ import annotations

from datetime import timedelta

from gateway.journal import Alert, Journal, Transaction
from tests.integration.journal.builders import EDUCATION, NOW, an_alert, record

SECOND = timedelta(seconds=1)


def told(tx: Transaction, ref: str, *types: str, basis: str = "s23") -> list[Alert]:
    """A thread's versions, each with its place as its body."""
    message = record(tx, ref)
    thread = tx.add_thread(ref, "C", "early-years-sen-team", "education")
    made = []
    for number, type_ in enumerate(types, start=1):
        change = {"sequence": number, "type": type_}
        new = an_alert(thread, message.id, **change, basis=basis if type_ != "withdrawn" else None)
        tx.supersede_due(thread.id, NOW)
        tx.add_alert(new, body=str(number).encode(), deliveries=EDUCATION)
        made.append(new)
    return made


def claim(journal: Journal) -> None:
    journal.deliveries.claim("amqp", "relay", 9, 60, now=NOW + SECOND)


def test_any_id_of_a_thread_gives_its_last_version(journal: Journal) -> None:
    alerts = journal.transact(lambda tx: told(tx, "k.r", "created", "updated")).result(30)
    claim(journal)
    for one in alerts:
        found = journal.read(lambda q, one=one: q.standing(one.id))
        assert found is not None
        assert (found.alert_id, found.body, found.harm) == (alerts[1].id, b"2", False)
        assert found.service == "early-years-sen-team"


def test_a_withdrawn_thread_knows_that_it_was_about_harm(journal: Journal) -> None:
    def job(tx: Transaction) -> list[Alert]:
        return told(tx, "k.r", "created", "withdrawn", basis="harm")

    alerts = journal.transact(job).result(30)
    claim(journal)
    found = journal.read(lambda q: q.standing(alerts[0].id))
    assert found is not None
    assert found.harm
    assert found.alert_id == alerts[1].id


def test_nothing_stands_before_anybody_was_told_nor_after_all_was_stopped(journal: Journal) -> None:
    [alert] = journal.transact(lambda tx: told(tx, "k.r", "created")).result(30)
    assert journal.read(lambda q: q.standing(alert.id)) is None
    assert journal.read(lambda q: q.standing("unknown")) is None
    claim(journal)
    assert journal.read(lambda q: q.standing(alert.id)) is not None
    journal.transact(lambda tx: tx.supersede_due(alert.thread_id, NOW)).result(30)
    assert journal.read(lambda q: q.standing(alert.id)) is None


def test_every_look_is_noted_in_order(journal: Journal) -> None:
    [alert] = journal.transact(lambda tx: told(tx, "k.r", "created")).result(30)

    def look(tx: Transaction) -> str:
        credential = tx.add_credential("key", "la:896", ["referral"], NOW)
        tx.note_read(alert.id, "la:896", credential.id, NOW)
        tx.note_read(alert.id, "la:896", credential.id, NOW + SECOND)
        return credential.id

    credential = journal.transact(look).result(30)
    expected = [("la:896", credential, NOW), ("la:896", credential, NOW + SECOND)]
    assert journal.read(lambda q: q.reads(alert.id)) == expected
