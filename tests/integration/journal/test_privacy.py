"""Nothing personal lies in a column, and what is erased or forgotten is gone from the disk."""

import os
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from gateway.journal import Codec, Erased, Journal
from gateway.journal.tables import metadata
from tests.integration.journal.builders import NOW, hold, record, tell
from tests.services import driver_url

CANARY = b"Canary Birdwhistle 9990000018"
LONG = CANARY + os.urandom(9_000)  # fills pages of its own


def on_disk(database: str) -> bytes:
    """All that the database holds: SQLite's files, or every table of PostgreSQL."""
    if database.startswith("sqlite"):
        file = Path(database.removeprefix("sqlite:///"))
        return b"".join(f.read_bytes() for f in sorted(file.parent.glob("gateway.db*")))
    dump = b""
    with psycopg.connect(driver_url(database)) as connection, connection.cursor() as cursor:
        for table in metadata.tables:
            with cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
                dump += b"".join(bytes(chunk) for chunk in copy)
    return dump


def holds(database: str, content: bytes) -> bool:
    """Whether any piece of the content is there: SQLite scatters long content over pages."""
    dump = on_disk(database)
    pieces = [content[start : start + 64] for start in range(0, len(content), 64)]
    return any(piece in dump or piece.hex().encode() in dump for piece in pieces)


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every blob that was sealed, as it lies on disk."""
    blobs: list[bytes] = []
    seal = Codec.seal

    def noting(self: Codec, content: bytes) -> bytes:
        blobs.append(seal(self, content))
        return blobs[-1]

    monkeypatch.setattr(Codec, "seal", noting)
    return blobs


def test_no_column_shows_what_the_bodies_say(
    journal: Journal, database: str, codec: Codec, sealed: list[bytes]
) -> None:
    name = CANARY.decode()

    def job(tx):
        alert = tell(tx, codec.ref("record", name), body=CANARY)
        hold(tx, codec.ref("record", name, "2"), body=CANARY)
        tx.keep_refused("ods:RXA", NOW, 422, "shape", CANARY)
        tx.add_credential(name, "ods:RXA", ["referral"], NOW)
        return alert

    alert = journal.transact(job).result(30)
    assert journal.deliveries.claim("amqp", "relay", 9, 60, now=NOW)[0].body == CANARY
    assert journal.read(lambda q: q.receipt(alert.message_id))
    assert all(holds(database, blob) for blob in sealed)  # we looked in the right place
    assert not holds(database, CANARY)


def test_a_forgotten_message_leaves_keyed_hashes_part_order_and_action(
    journal: Journal, database: str, sealed: list[bytes]
) -> None:
    sent = journal.transact(lambda tx: record(tx, "k.record", body=LONG)).result(30)
    journal.transact(lambda tx: tx.forget("k.record")).result(30)
    ((left, canonical),) = journal.read(lambda q: q.parts("k.record"))
    assert (left.state, canonical) == ("counted", None)
    for kept in ("idempotency", "bytes_hash", "canonical_hash", "record_ref", "organisation"):
        assert getattr(left, kept) == getattr(sent, kept)
    assert (left.event, left.sent_at, left.action) == (sent.event, sent.sent_at, sent.action)
    assert journal.read(lambda q: q.body(sent.id)) is None
    assert journal.read(lambda q: q.receipt(sent.id)).receipt is None
    assert journal.read(lambda q: q.versions("k.record"))[0].decision is None
    journal.erase_expired(NOW)  # empties SQLite's log, which keeps old pages
    assert len(sealed) == 4
    assert not any(holds(database, blob) for blob in sealed)


def test_a_counted_message_takes_no_body(journal: Journal) -> None:
    with pytest.raises(ValueError, match="must not be kept"):
        journal.transact(lambda tx: record(tx, "k.record", state="counted")).result(30)


def test_held_and_refused_bodies_go_after_thirty_days_and_their_reasons_stay(
    journal: Journal, database: str, sealed: list[bytes]
) -> None:
    def job(tx):
        tx.keep_refused("ods:RXA", NOW, 422, "shape", LONG)
        return hold(tx, "k.record", body=LONG)

    held = journal.transact(job).result(30)
    blobs = list(sealed)
    told = journal.transact(lambda tx: tell(tx, "k.other", body=b"told")).result(30)

    almost = NOW + timedelta(days=30, seconds=-1)
    assert journal.erase_expired(almost) == Erased(held=0, messages=0, refused=0)
    assert all(holds(database, blob) for blob in blobs)

    due = NOW + timedelta(days=30)
    assert journal.erase_expired(due) == Erased(held=1, messages=1, refused=1)
    assert not any(holds(database, blob) for blob in blobs)
    left = journal.read(lambda q: q.receipt(held.message_id))
    assert (left.message.state, left.receipt) == ("erased", None)
    assert (left.outcomes[0].alert.id, left.outcomes[0].missing) == (held.id, None)
    assert left.outcomes[0].alert.hold_reason == "not-informed"
    assert left.outcomes[0].alert.view_hash == "k.view"
    assert journal.read(lambda q: q.receipt(told.message_id)).receipt is not None
    assert journal.erase_expired(due) == Erased(held=0, messages=0, refused=0)


def test_a_message_that_comes_to_be_told_loses_its_expiry(journal: Journal) -> None:
    held = journal.transact(lambda tx: hold(tx, "k.record", body=CANARY)).result(30)
    journal.transact(lambda tx: tx.set_expiry("k.record", None)).result(30)
    erased = journal.erase_expired(NOW + timedelta(days=31))
    assert (erased.held, erased.messages) == (1, 0)
    assert journal.read(lambda q: q.body(held.message_id)) == CANARY


def test_of_a_denied_caller_only_who_when_why_and_size_stay(
    journal: Journal, database: str
) -> None:
    journal.transact(lambda tx: tx.note_denied(None, NOW, 401, "no-key", 512)).result(30)
    journal.transact(lambda tx: tx.note_denied("ods:RXA", NOW, 413, "too-large", 9**9)).result(30)
    dump = on_disk(database)
    assert b"no-key" in dump
    assert b"too-large" in dump


def test_an_error_of_the_database_repeats_no_value(journal: Journal) -> None:
    name = CANARY.decode()
    journal.transact(lambda tx: record(tx, "k.record", media_type=name)).result(30)
    failed = journal.transact(lambda tx: record(tx, "k.record", media_type=None, kind=name))
    error = failed.exception(5)
    assert name not in f"{error!r}{error}{error.__cause__}"
