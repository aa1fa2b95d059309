"""What is recorded of messages, records, threads, alerts and holds comes back as it was meant."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.journal import Codec, Journal, Thread
from tests.integration.journal.builders import (
    EDUCATION,
    NOW,
    SECOND,
    a_hold,
    a_message,
    an_alert,
    hold,
    record,
    tell,
)


def thread(journal: Journal, ref: str = "k.record") -> Thread:
    (only,) = journal.read(lambda q: q.threads(ref))
    return only


def test_a_message_comes_back_whole(journal: Journal) -> None:
    def job(tx):
        tx.lock_record("k.record", "healthy-child-review")
        holder = tx.add_credential("a key", "ods:RXA", ["referral"], NOW)
        sent = a_message("k.record", credential_id=holder.id, submitter_only=True, sequence=7)
        tx.add_message(sent, body=b"<bytes>", canonical=b"{canonical}", receipt=b"{receipt}")
        return sent

    sent = journal.transact(job).result(30)
    found = journal.read(lambda q: q.receipt(sent.id))
    assert (found.message, found.receipt, found.outcomes) == (sent, b"{receipt}", ())
    assert journal.read(lambda q: q.body(sent.id)) == b"<bytes>"
    assert journal.read(lambda q: q.receipt("unknown")) is None
    assert journal.read(lambda q: q.body("unknown")) is None


def test_instants_come_back_in_utc_and_sort(journal: Journal) -> None:
    paris = timezone(timedelta(hours=2))
    later = datetime(2026, 10, 1, 11, 0, 0, 1, tzinfo=paris)  # 09:00:00.000001 UTC
    earlier = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
    for sent_at in (later, earlier):
        journal.transact(
            lambda tx, at=sent_at: record(tx, "k.record", sent_at=at, event=f"{at}")
        ).result(30)
    parts = journal.read(lambda q: q.parts("k.record"))
    assert [message.sent_at for message, _ in parts] == [earlier, later]
    assert {message.sent_at.tzinfo for message, _ in parts} == {UTC}


def test_a_time_without_a_zone_is_refused(journal: Journal) -> None:
    job = journal.transact(lambda tx: record(tx, "k.record", sent_at=datetime(2026, 10, 1)))
    with pytest.raises(Exception, match="time zone"):
        job.result(30)


def test_parts_fold_by_sent_time_then_sequence_then_id_however_they_arrive(
    journal: Journal,
) -> None:
    order = [(NOW, 1, "k.Z"), (NOW, 1, "k.a"), (NOW, 2, "k.0"), (NOW + SECOND, 0, "k.0")]
    for sent_at, sequence, key in reversed(order):
        journal.transact(
            lambda tx, s=sent_at, n=sequence, k=key: record(
                tx,
                "k.record",
                sent_at=s,
                sequence=n,
                idempotency=k,
                event=f"{s}{n}{k}",
                body=f"{s}{n}{k}".encode(),
            )
        ).result(30)
    parts = journal.read(lambda q: q.parts("k.record"))
    assert [(m.sent_at, m.sequence, m.idempotency) for m, _ in parts] == order
    assert [canonical for _, canonical in parts] == [f"{s}{n}{k}".encode() for s, n, k in order]


def test_a_part_is_its_last_message_whichever_came_first(journal: Journal) -> None:
    for sent_at in (NOW + SECOND, NOW):
        journal.transact(
            lambda tx, s=sent_at: record(tx, "k.record", sent_at=s, body=f"{s}".encode())
        ).result(30)
    ((last, canonical),) = journal.read(lambda q: q.parts("k.record"))
    assert last.sent_at == NOW + SECOND
    assert canonical == f"{NOW + SECOND}".encode()


def test_one_id_may_come_again_under_a_higher_sequence_only(journal: Journal) -> None:
    for sequence in (1, 0):
        journal.transact(
            lambda tx, n=sequence: record(tx, "k.record", idempotency="k.id", sequence=n)
        ).result(30)
    assert [m.sequence for m in journal.read(lambda q: q.messages("k.id"))] == [0, 1]
    again = journal.transact(lambda tx: record(tx, "k.record", idempotency="k.id", sequence=1))
    assert again.exception(5)
    assert journal.read(lambda q: q.messages("k.other")) == []


def test_a_record_counts_its_versions(journal: Journal) -> None:
    for _ in range(2):
        journal.transact(lambda tx: record(tx, "k.record", body=b"decision")).result(30)
    found = journal.read(lambda q: q.record("k.record"))
    assert (found.version, found.kind, found.updated_at) == (2, "healthy-child-review", NOW)
    versions = journal.read(lambda q: q.versions("k.record"))
    assert [(v.number, v.decision) for v in versions] == [(1, b"decision"), (2, b"decision")]
    assert journal.read(lambda q: q.records_of_child("k.child")) == [found]


def test_a_day_knows_its_records(journal: Journal) -> None:
    def job(tx):
        assert tx.lock_day("k.day") == []
        tx.lock_record("k.typed", "healthy-child-review", day_ref="k.day")
        return tx.lock_day("k.day")

    assert [r.ref for r in journal.transact(job, "k.day").result(30)] == ["k.typed"]


def test_a_new_thread_has_told_nobody_anything(journal: Journal) -> None:
    def job(tx):
        tx.lock_record("k.record", "referral")
        return tx.add_thread("k.record", "C", "sen-team", "education")

    made = journal.transact(job).result(30)
    assert thread(journal) == made
    assert (made.sequence, made.attempted, made.told, made.held) == (0, False, False, None)


def test_a_thread_knows_its_last_alert(journal: Journal) -> None:
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    journal.transact(lambda tx: tell(tx, "k.record", view_hash="k.second")).result(30)
    now = thread(journal)
    assert (now.sequence, now.type, now.view_hash) == (2, "updated", "k.second")
    assert (now.state, now.attempted, now.told) == ("due", False, False)


def test_a_thread_is_told_from_the_moment_of_the_claim(journal: Journal) -> None:
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    journal.deliveries.claim("amqp", "relay", 1, 60, now=NOW)
    assert (thread(journal).attempted, thread(journal).told) == (True, True)


def test_a_withdrawal_that_went_out_leaves_nothing_told(journal: Journal) -> None:
    deliveries = journal.deliveries
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    deliveries.delivered([d.id for d in deliveries.claim("amqp", "relay", 1, 60, now=NOW)])
    journal.transact(lambda tx: tell(tx, "k.record", type="withdrawn")).result(30)
    assert thread(journal).told
    [gone] = deliveries.claim("amqp", "relay", 1, 60, now=NOW)
    assert thread(journal).told, "it was only attempted, and may not have arrived"
    deliveries.delivered([gone.id])
    assert (thread(journal).attempted, thread(journal).told) == (True, False)


def test_a_new_version_supersedes_what_is_due_and_leaves_what_was_delivered(
    journal: Journal,
) -> None:
    both = (("amqp", "education"), ("mailbox", "education"))
    first = journal.transact(lambda tx: tell(tx, "k.record", to=both)).result(30)
    claimed = journal.deliveries.claim("amqp", "relay", 1, 60, now=NOW)
    journal.deliveries.delivered([claimed[0].id], now=NOW + SECOND)
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    (outcome,) = journal.read(lambda q: q.receipt(first.message_id)).outcomes
    assert [(d.channel, d.state) for d in outcome.deliveries] == [
        ("amqp", "delivered"),
        ("mailbox", "superseded"),
    ]
    assert outcome.deliveries[0].delivered_at == NOW + SECOND
    assert outcome.state == "done"


def test_an_alert_superseded_in_flight_that_arrives_is_recorded_as_delivered(
    journal: Journal,
) -> None:
    first = journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    (in_flight,) = journal.deliveries.claim("amqp", "relay", 1, 60, now=NOW)
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    (outcome,) = journal.read(lambda q: q.receipt(first.message_id)).outcomes
    assert outcome.state == "superseded"
    journal.deliveries.delivered([in_flight.id])
    (outcome,) = journal.read(lambda q: q.receipt(first.message_id)).outcomes
    assert outcome.state == "done"


def test_a_hold_says_why_to_its_sender_and_leaves_no_gap_in_the_numbers(journal: Journal) -> None:
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    held = journal.transact(lambda tx: hold(tx, "k.record", body=b"opinion.informed")).result(30)
    assert (thread(journal).sequence, thread(journal).held) == (1, "not-informed")
    (outcome,) = journal.read(lambda q: q.receipt(held.message_id)).outcomes
    assert (outcome.state, outcome.missing) == ("held", b"opinion.informed")
    assert (outcome.route, outcome.service, outcome.agency) == ("C", "sen-team", "education")
    journal.transact(lambda tx: tell(tx, "k.record")).result(30)
    assert (thread(journal).sequence, thread(journal).held) == (2, None)
    (outcome,) = journal.read(lambda q: q.receipt(held.message_id)).outcomes
    assert outcome.state == "superseded"


def test_a_hold_is_kept_thirty_days(journal: Journal) -> None:
    held = journal.transact(lambda tx: hold(tx, "k.record")).result(30)
    (outcome,) = journal.read(lambda q: q.receipt(held.message_id)).outcomes
    assert outcome.alert.expires_at == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("build", "to"), [(an_alert, ()), (a_hold, EDUCATION)], ids=["alert to nobody", "hold to all"]
)
def test_an_alert_goes_to_somebody_and_a_hold_to_nobody(journal: Journal, build, to) -> None:
    def job(tx):
        message = record(tx, "k.record")
        new = tx.add_thread("k.record", "C", "sen-team", "education")
        tx.add_alert(build(new, message.id), body=b"", deliveries=to)

    with pytest.raises(ValueError, match="a hold has neither"):
        journal.transact(job).result(30)


def test_a_key_opens_until_it_is_revoked(journal: Journal, codec: Codec) -> None:
    made = journal.transact(
        lambda tx: tx.add_credential("s3cret", "ods:RXA", ["referral"], NOW, ["ods:RJR"])
    ).result(30)
    assert journal.read(lambda q: q.credential("s3cret")) == made
    assert (made.kinds, made.speaks_for) == (("referral",), ("ods:RJR",))
    assert journal.read(lambda q: q.credential("another")) is None
    assert journal.transact(lambda tx: tx.revoke(made.id, NOW)).result(30)
    assert not journal.transact(lambda tx: tx.revoke(made.id, NOW)).result(30)
    assert journal.read(lambda q: q.credential("s3cret")) is None
    assert [c.revoked_at for c in journal.read(lambda q: q.credentials())] == [NOW]


def test_a_process_leaves_signs_of_life(journal: Journal) -> None:
    for state in ("connected", "broker-away"):
        journal.transact(lambda tx, s=state: tx.beat("relay-1", s, NOW)).result(30)
    assert journal.read(lambda q: q.pulses()) == {"relay-1": (NOW, "broker-away")}
