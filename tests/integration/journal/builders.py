"""Messages, alerts and holds as intake would record them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from gateway.journal import Alert, Message, Thread, Transaction

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EDUCATION = (("amqp", "education"),)


def a_message(record_ref: str, **changed: object) -> Message:
    usual = {
        "id": str(uuid4()),
        "organisation": "ods:RXA",
        "kind": "healthy-child-review",
        "event": "healthy-child-review",
        "idempotency": f"k.{uuid4()}",
        "action": "new",
        "record_ref": record_ref,
        "sent_at": NOW,
        "received_at": NOW,
        "bytes_hash": "k.bytes",
        "canonical_hash": "k.canonical",
        "media_type": "application/json",
        "credential_id": None,
    }
    return Message(**usual | changed)


def an_alert(thread: Thread, message_id: str, **changed: object) -> Alert:
    usual = {
        "id": str(uuid4()),
        "thread_id": thread.id,
        "sequence": thread.sequence + 1,
        "record_version": thread.sequence + 1,
        "message_id": message_id,
        "type": "updated" if thread.sequence else "created",
        "basis": "s23",
        "urgency": "routine",
        "routing_key": "education.healthy-child-review.none.routine",
        "view_hash": "k.view",
        "decided_at": NOW,
    }
    return Alert(**usual | changed)


def a_hold(thread: Thread, message_id: str, **changed: object) -> Alert:
    usual = {"sequence": None, "type": None, "routing_key": None, "hold_reason": "not-informed"}
    return an_alert(thread, message_id, **usual | changed)


def record(tx: Transaction, ref: str, *, body: bytes = b"{}", **changed: object) -> Message:
    """Record a message as its record's next version, going to nobody yet."""
    number = tx.lock_record(ref, "healthy-child-review") + 1
    message = a_message(ref, **changed)
    tx.add_message(message, body=body, canonical=body, receipt=body)
    tx.add_version(
        ref, number, message_id=message.id, child_ref="k.child", decided_at=NOW, decision=body
    )
    return message


def tell(
    tx: Transaction,
    ref: str,
    *,
    to: tuple[tuple[str, str], ...] = EDUCATION,
    body: bytes = b"alert",
    **changed: object,
) -> Alert:
    """Record a message and the alert that follows, as the next of the record's only thread."""
    message = record(tx, ref)
    threads = tx.threads(ref)
    thread = threads[0] if threads else tx.add_thread(ref, "C", "sen-team", "education")
    tx.supersede_due(thread.id, NOW)
    alert = an_alert(thread, message.id, **changed)
    tx.add_alert(alert, body=body, deliveries=to)
    return alert


def hold(tx: Transaction, ref: str, *, body: bytes = b"held", **changed: object) -> Alert:
    """Record a message that leads to a hold in the record's only thread."""
    message = record(tx, ref, body=body)
    threads = tx.threads(ref)
    thread = threads[0] if threads else tx.add_thread(ref, "C", "sen-team", "education")
    tx.supersede_due(thread.id, NOW)
    alert = a_hold(thread, message.id, **changed)
    tx.add_alert(alert, body=body, missing=body)
    tx.set_expiry(message.record_ref, NOW + timedelta(days=30))
    return alert
