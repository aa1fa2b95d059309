"""What the sender gets back: what was understood, who is told, what is held, what to look at."""

from __future__ import annotations

from typing import Literal

from schemas.base import Coding, Instant, Model, Text, Word
from schemas.finding import Finding

SENTENCE = (
    "This may not be complete. To learn what is held about a child and who has been told, ask the "
    "council's data protection officer."
)
"""Stands on whatever a family may see; it never says who was not told."""


class ReceiptRecord(Model):
    """The record that the message speaks of, by an opaque id, and its version."""

    id: Word
    version: int


class ReceiptDelivery(Model):
    """How far an alert has come on a way beside its agency's queue."""

    channel: Literal["mesh"]
    state: Literal["due", "sent", "delivered", "failed", "superseded"]
    """`sent`: MESH has it. `delivered`: the receiver took it out of its mailbox. `failed`: MESH
    could not deliver it."""
    at: Instant | None = None
    """When it was delivered."""
    code: Word | None = None
    """Why it waits or failed, such as `mesh-14`: not collected in time."""


class ReceiptAlert(Model):
    """One alert that follows from the message, and how far it has come."""

    id: Word | None = None
    """None of a check: nothing was recorded."""
    route: Word
    agency: Word
    service: Word | None = None
    title: Word | None = None
    basis: Word | None = None
    change: Literal["created", "updated", "withdrawn"]
    urgency: Literal["routine", "urgent"]
    state: Literal["would-go", "due", "delivered", "superseded"]
    """How far it has come by now. `delivered`: in the agency's queue, or taken from its mailbox."""
    beside: tuple[ReceiptDelivery, ...] = ()
    """Where its service has a way of its own beside the agency's queue."""


class Missing(Model):
    """What a hold waits for: where it would stand, and what would be right."""

    pointer: Word | None = None
    detail: Text


class Held(Model):
    """One alert that may not go, why, and what to do."""

    id: Word | None = None
    route: Word
    service: Word | None = None
    basis: Word | None = None
    reason: Word
    detail: Text
    missing: tuple[Missing, ...] = ()
    do: Text | None = None


class Question(Model):
    """What the sender should look at again. Only the sender is asked."""

    pointer: Word | None = None
    detail: Text


class Telephone(Model):
    """The numbers to call about significant harm."""

    front_door: Word
    night_team: Word


class Receipt(Model):
    """The answer to a message, and to `GET /messages/{id}` as it stands by then."""

    id: Word
    status: Literal["recorded", "counted", "erased", "checked"]
    """`counted`: nothing of the message is kept but the count; `erased`: it was held for 30 days."""
    kind: Word
    event: Word
    action: Word
    received_at: Instant | None = None
    warning: Text | None = None
    """Of a safeguarding referral: NOT DELIVERED, until the queue has it."""
    telephone: Telephone | None = None
    record: ReceiptRecord | None = None
    findings: tuple[Finding, ...] = ()
    areas: tuple[Word, ...] = ()
    unmapped: tuple[Coding, ...] = ()
    """Codes that are not in our maps: kept word for word, never guessed."""
    alerts: tuple[ReceiptAlert, ...] = ()
    held: tuple[Held, ...] = ()
    questions: tuple[Question, ...] = ()
    notes: tuple[Text, ...] = ()
    sentence: Text
    """`SENTENCE`, on every receipt."""
