"""Files in the journal: known again, settled once, and no more work than there is."""

from dataclasses import replace
from uuid import uuid4

from gateway.journal import Codec, Entry, Journal, Upload
from tests.integration.journal.builders import NOW, record


def an_upload(**changed: object) -> Upload:
    usual = {
        "id": str(uuid4()),
        "organisation": "urn:199901",
        "credential_id": None,
        "format": "Common Transfer File",
        "known_ref": f"k.{uuid4()}",
        "bytes_hash": "k.bytes",
        "received_at": NOW,
        "notes": b"[]",
    }
    return Upload(**usual | changed)


def entries(*states: str) -> list[Entry]:
    return [
        Entry(number=n, state=state, work=b"work" if state == "waiting" else None, said=b"{}")
        for n, state in enumerate(states, start=1)
    ]


def test_a_file_is_found_by_its_id_and_by_what_it_is_known_by(journal: Journal) -> None:
    upload = an_upload(notes=b'["a note"]')
    journal.transact(lambda tx: tx.add_upload(upload, entries("nothing"))).result(30)
    assert journal.read(lambda q: q.upload(upload.id)) == upload
    assert journal.read(lambda q: q.known_upload(upload.known_ref)) == upload
    assert journal.read(lambda q: q.upload("another")) is None
    assert journal.read(lambda q: q.known_upload("k.another")) is None


def test_the_same_file_at_once_is_recorded_once(journal: Journal, another: Journal) -> None:
    def taking(on: Journal):
        upload = an_upload(known_ref="k.same")

        def take(tx):
            if known := tx.known_upload("k.same"):
                return known.id
            tx.add_upload(upload, entries("waiting"))
            return upload.id

        return on.transact(take)

    ids = [done.result(10) for done in [taking(on) for on in (journal, another) * 4]]
    assert len(set(ids)) == 1


def test_work_is_listed_in_order_until_it_has_settled(journal: Journal) -> None:
    first, second = (
        an_upload(notes=b""),
        replace(an_upload(notes=b""), received_at=NOW.replace(hour=10)),
    )
    journal.transact(
        lambda tx: tx.add_upload(second, entries("waiting", "nothing", "waiting"))
    ).result(30)
    journal.transact(lambda tx: tx.add_upload(first, entries("refused", "waiting"))).result(30)
    assert journal.read(lambda q: q.waiting_uploads()) == [first, second]
    assert [e.number for e in journal.read(lambda q: q.waiting_entries(second.id, 9))] == [1, 3]
    assert [e.work for e in journal.read(lambda q: q.waiting_entries(second.id, 1))] == [b"work"]

    def settle(tx):
        assert tx.lock_entry(first.id, 2)
        message = record(tx, "k.record", body=b"receipt")
        tx.settle_entry(first.id, 2, "accepted", message.id)
        return message

    message = journal.transact(settle).result(30)
    assert journal.read(lambda q: q.waiting_uploads()) == [second]
    assert journal.read(lambda q: q.count_waiting(first.id)) == 0
    refused, accepted = journal.read(lambda q: q.entries(first.id))
    assert (refused.state, refused.message_id, refused.receipt) == ("refused", None, None)
    assert (accepted.state, accepted.message_id) == ("accepted", message.id)
    assert accepted.receipt == b"receipt"


def test_an_entry_settles_once_whoever_tries(journal: Journal, another: Journal) -> None:
    upload = an_upload()
    journal.transact(lambda tx: tx.add_upload(upload, entries("waiting"))).result(30)

    def settle(tx) -> bool:
        if not tx.lock_entry(upload.id, 1):
            return False
        tx.settle_entry(upload.id, 1, "repeated")
        return True

    tries = [on.transact(settle) for on in (journal, another) * 4]
    assert sorted(done.result(10) for done in tries) == [False] * 7 + [True]


def test_what_was_said_of_an_entry_and_its_work_are_sealed(journal: Journal, codec: Codec) -> None:
    upload = an_upload()
    (entry,) = entries("waiting")
    journal.transact(lambda tx: tx.add_upload(upload, [entry])).result(30)
    raw = journal.read(
        lambda q: q._connection.exec_driver_sql("SELECT work, said FROM entry").one()
    )
    assert [codec.open(bytes(blob)) for blob in raw] == [b"work", b"{}"]
    journal.transact(
        lambda tx: tx.settle_entry(upload.id, 1, "refused", said=b'{"faults": []}')
    ).result(30)
    (settled,) = journal.read(lambda q: q.entries(upload.id))
    assert settled.said == b'{"faults": []}'
