"""Relays share what is due and lose nothing; a mailbox keeps alerts until acknowledged."""

import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from gateway.journal import Backlog, Codec, Deliveries, Journal
from tests.integration.journal.builders import NOW, SECOND, tell
from tests.integration.journal.conftest import SECRET

KEY = Codec(SECRET).hash_id
URGENT = {"urgency": "urgent"}


def tell_many(journal: Journal, count: int, target: str, channel: str = "amqp", **changed) -> None:
    """Alerts of one target, a second apart."""

    def job(tx):
        for n in range(count):
            usual = {"decided_at": NOW + n * SECOND, "body": f"{target} {n}".encode()}
            tell(
                tx,
                f"{KEY}.{target}.{changed.get('urgency')}.{n}",
                to=((channel, target),),
                **usual | changed,
            )

    journal.transact(job).result(10)


def claim(journal: Journal, limit: int = 100, at=NOW + timedelta(hours=1), **changed):
    usual = {"owner": "relay-1", "lease_seconds": 60, "now": at}
    return journal.deliveries.claim("amqp", limit=limit, **usual | changed)


def test_a_claimed_alert_has_all_that_publishing_needs(journal: Journal) -> None:
    alert = journal.transact(lambda tx: tell(tx, "k.record", body=b"{event}")).result(30)
    (due,) = claim(journal)
    assert (due.alert_id, due.thread_id, due.target) == (alert.id, alert.thread_id, "education")
    assert (due.kind, due.type, due.urgency) == ("healthy-child-review", "created", "routine")
    assert due.routing_key == "education.healthy-child-review.none.routine"
    assert (due.body, due.attempts) == (b"{event}", 1)


def test_what_was_delivered_is_never_claimed_again(journal: Journal) -> None:
    tell_many(journal, 3, "education")
    journal.deliveries.delivered([due.id for due in claim(journal)])
    assert claim(journal, at=NOW + timedelta(days=9)) == []


def test_a_claim_comes_urgent_first_and_oldest_first(journal: Journal) -> None:
    tell_many(journal, 3, "education")
    tell_many(journal, 2, "social-care", **URGENT)
    bodies = [due.body.decode() for due in claim(journal)]
    assert bodies == ["social-care 0", "social-care 1", "education 0", "education 1", "education 2"]


def test_a_great_backlog_of_one_target_does_not_starve_the_others(journal: Journal) -> None:
    tell_many(journal, 50, "education")
    tell_many(journal, 4, "health", decided_at=NOW + timedelta(minutes=30))
    tell_many(journal, 20, "social-care", decided_at=NOW + timedelta(minutes=30))
    by_target = Counter(due.target for due in claim(journal, limit=30))
    assert by_target == {"education": 13, "health": 4, "social-care": 13}


def test_a_target_that_is_backed_off_from_is_left_alone(journal: Journal) -> None:
    tell_many(journal, 2, "education")
    tell_many(journal, 2, "health")
    claimed = claim(journal, skip_targets=["education"])
    assert {due.target for due in claimed} == {"health"}


def test_a_look_tells_for_whom_anything_is_due_and_takes_nothing(journal: Journal) -> None:
    tell_many(journal, 2, "education", decided_at=NOW)
    tell_many(journal, 1, "health", decided_at=NOW + SECOND)
    tell_many(journal, 1, "social-care", decided_at=NOW, **URGENT)
    agencies = ("education", "health", "social-care")
    for _ in range(2):
        looked = journal.deliveries.waiting("amqp", agencies, now=NOW)
        assert looked == {"education", "social-care"}
    assert journal.deliveries.waiting("amqp", ["health"], now=NOW + SECOND) == {"health"}
    assert journal.deliveries.waiting("mailbox", agencies, now=NOW + SECOND) == set()
    claim(journal)
    assert journal.deliveries.waiting("amqp", agencies, now=NOW + SECOND) == set()


def test_each_channel_has_its_own(journal: Journal) -> None:
    tell_many(journal, 2, "education", channel="mailbox")
    assert claim(journal) == []


def test_what_is_not_due_yet_is_not_claimed(journal: Journal) -> None:
    tell_many(journal, 3, "education")
    assert len(claim(journal, at=NOW + SECOND)) == 2


def test_a_lease_keeps_others_out_until_it_ends(journal: Journal, another: Journal) -> None:
    tell_many(journal, 1, "education")
    assert claim(journal, at=NOW)
    assert claim(another, at=NOW + 59 * SECOND, owner="relay-2") == []
    (again,) = claim(another, at=NOW + 60 * SECOND, owner="relay-2")
    assert again.attempts == 2


def test_a_refused_delivery_waits_behind_the_others(journal: Journal) -> None:
    tell_many(journal, 3, "education")
    at = NOW + timedelta(minutes=1)
    (first,) = claim(journal, limit=1, at=at)
    journal.deliveries.release([first.id], at + SECOND, "nack", "relay-1")
    assert [due.body for due in claim(journal, at=at)] == [b"education 1", b"education 2"]
    (again,) = claim(journal, at=at + SECOND)
    assert (again.id, again.attempts) == (first.id, 2)


def test_a_relay_gives_back_only_what_is_still_its_own(journal: Journal) -> None:
    tell_many(journal, 1, "education")
    (lost,) = claim(journal, at=NOW)
    claim(journal, at=NOW + 60 * SECOND, owner="relay-2")
    journal.deliveries.release([lost.id], NOW, "nack", "relay-1")
    assert claim(journal, at=NOW + 61 * SECOND, owner="relay-3") == []


def test_a_superseded_delivery_is_neither_claimed_nor_given_back(journal: Journal) -> None:
    journal.transact(lambda tx: tell(tx, "k.record", body=b"old")).result(30)
    (old,) = claim(journal)
    journal.transact(lambda tx: tell(tx, "k.record", body=b"new")).result(30)
    journal.deliveries.release([old.id], NOW, "nack", "relay-1")
    assert [due.body for due in claim(journal)] == [b"new"]


def test_relays_that_claim_at_once_never_get_the_same(journal: Journal, another: Journal) -> None:
    for target in ("education", "health", "social-care"):
        tell_many(journal, 60, target)

    def drain(relay: tuple[str, Deliveries]) -> list[int]:
        owner, deliveries = relay
        got: list[int] = []
        idle = 0
        while idle < 3:
            claimed = deliveries.claim("amqp", owner, 7, 3600, now=NOW + timedelta(hours=1))
            got += [due.id for due in claimed]
            idle = 0 if claimed else idle + 1
        return got

    relays = [(f"relay-{n}", (journal, another)[n % 2].deliveries) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        claimed = [delivery for got in pool.map(drain, relays) for delivery in got]
    assert len(claimed) == len(set(claimed)) == 180


def test_what_is_due_of_a_record_is_found_however_much_is_due(
    migrated_sqlite: Path, tmp_path: Path, codec: Codec
) -> None:
    file, said = tmp_path / "gateway.db", []
    shutil.copy(migrated_sqlite, file)

    def note(_connection, _cursor, statement, *_) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with Journal(f"sqlite:///{file}", codec) as journal:
            journal.transact(lambda tx: tx.threads("k.record")).result(30)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    [asked] = [one for one in said if one.startswith("SELECT delivery.id")]
    with closing(sqlite3.connect(file)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {asked}", ("k.record", "", "due"))
        steps = " ".join(row[-1] for row in plan)
    assert "thread USING COVERING INDEX" in steps or "thread USING INDEX" in steps, steps
    assert "ix_delivery_claim" not in steps, "that goes through all that is due to anybody"


@pytest.mark.postgresql
def test_what_intake_is_withdrawing_cannot_be_claimed_meanwhile(
    postgres: str, codec: Codec
) -> None:
    with Journal(postgres, codec) as gateway, Journal(postgres, codec) as relay:
        tell_many(gateway, 1, "education")

        def withdraws(tx):
            (thread,) = tx.threads(f"{KEY}.education.None.0")
            assert not thread.attempted
            assert claim(relay) == []  # skipped, not waited for
            tx.supersede_due(thread.id, NOW)

        gateway.transact(withdraws).result(30)
        assert claim(relay) == []


def test_a_body_that_no_key_opens_holds_up_nothing(journal: Journal, database: str) -> None:
    tell_many(journal, 1, "education")
    rotated = Codec(b"a new key in front of an old one", SECRET)
    with Journal(database, rotated) as ahead:
        tell_many(ahead, 1, "health")
    (readable,) = claim(journal)
    assert readable.target == "education"
    journal.deliveries.delivered([readable.id])
    assert claim(journal, at=NOW + timedelta(hours=1, minutes=59)) == []
    with Journal(database, rotated) as ahead:
        (put_off,) = claim(ahead, at=NOW + timedelta(hours=2))
    assert put_off.body == b"health 0"


def test_a_mailbox_shows_its_alerts_until_each_is_acknowledged(journal: Journal) -> None:
    tell_many(journal, 2, "education", channel="mailbox")
    tell_many(journal, 1, "education", channel="mailbox", **URGENT)
    tell_many(journal, 1, "health", channel="mailbox")
    at = NOW + timedelta(hours=1)
    shown = journal.deliveries.mailbox("education", 10, now=at)
    assert [due.urgency for due in shown] == ["urgent", "routine", "routine"]
    assert journal.deliveries.acknowledge(shown[1].id, "education", now=at)
    again = journal.deliveries.mailbox("education", 10, now=at)
    assert [due.id for due in again] == [shown[0].id, shown[2].id]
    assert [due.id for due in journal.deliveries.mailbox("education", 1, now=at)] == [shown[0].id]


def test_what_a_mailbox_has_shown_counts_as_told(journal: Journal) -> None:
    journal.transact(lambda tx: tell(tx, "k.record", to=(("mailbox", "education"),))).result(30)
    (before,) = journal.read(lambda q: q.threads("k.record"))
    (shown,) = journal.deliveries.mailbox("education", 10, now=NOW)
    (after,) = journal.read(lambda q: q.threads("k.record"))
    assert (before.told, after.told, after.state) == (False, True, "due")
    journal.deliveries.acknowledge(shown.id, "education", now=NOW + SECOND)
    (after,) = journal.read(lambda q: q.threads("k.record"))
    assert after.state == "done"


def test_a_target_acknowledges_its_own_only_and_twice_is_harmless(journal: Journal) -> None:
    alert = journal.transact(
        lambda tx: tell(tx, "k.record", to=(("mailbox", "education"),))
    ).result(30)
    (shown,) = journal.deliveries.mailbox("education", 10, now=NOW)
    assert not journal.deliveries.acknowledge(shown.id, "health")
    assert not journal.deliveries.acknowledge(shown.id + 1, "education")
    assert journal.deliveries.acknowledge(shown.id, "education", now=NOW + SECOND)
    assert journal.deliveries.acknowledge(shown.id, "education", now=NOW + 2 * SECOND)
    (outcome,) = journal.read(lambda q: q.receipt(alert.message_id)).outcomes
    assert outcome.deliveries[0].acknowledged_at == NOW + SECOND
    assert outcome.deliveries[0].delivered_at == NOW + SECOND


def test_the_backlog_shows_what_waits_for_whom_and_since_when(journal: Journal) -> None:
    tell_many(journal, 3, "education")
    tell_many(journal, 1, "health", channel="mailbox", **URGENT)
    claim(journal, limit=1)
    assert journal.deliveries.backlog() == [
        Backlog(channel="amqp", target="education", urgency="routine", count=3, oldest=NOW),
        Backlog(channel="mailbox", target="health", urgency="urgent", count=1, oldest=NOW),
    ]
