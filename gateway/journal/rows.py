"""The frozen rows that go into the journal and come out of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

Action = Literal["new", "update", "retract"]
AlertType = Literal["created", "updated", "withdrawn"]
Channel = Literal["amqp", "mailbox", "mesh"]
Urgency = Literal["routine", "urgent"]
DeliveryState = Literal["due", "sent", "delivered", "failed", "superseded"]
"""sent: the channel took it, and will say what becomes of it. failed: it said that it could not
deliver it; after a while it is due again, a few times."""
AlertState = Literal["due", "done", "superseded", "held"]
MessageState = Literal["recorded", "counted", "erased"]
"""recorded: its bodies are kept. counted: it went to nobody. erased: it was held until too old."""
LetterState = Literal["done", "due", "sent", "failed"]
"""done: there is no answer to send; else how far the answer has come."""


class Way(NamedTuple):
    """How an alert goes to one target."""

    channel: Channel
    target: str
    """Agency of `amqp` and `mailbox`; id of the service of `mesh`."""
    format: str = "cloudevents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What the bearer of a key may do."""

    id: str
    organisation: str
    kinds: tuple[str, ...]  # of message, that it may send
    speaks_for: tuple[str, ...]  # other organisations
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What an agency sent in, without its bodies."""

    id: str  # the gateway's own, a UUID
    organisation: str  # the source that the message names; with `event` it names the part
    kind: str
    event: str
    idempotency: str  # Codec.ref(source, event, sender's id)
    sequence: int = 0  # the sender's, or FHIR's versionId
    action: Action
    record_ref: str
    sent_at: datetime
    received_at: datetime
    bytes_hash: str
    canonical_hash: str
    media_type: str
    state: MessageState = "recorded"
    credential_id: str | None  # the submitter, who may be another than the source
    submitter_only: bool = False  # a message under `harm`: its receipt is for the submitter
    expires_at: datetime | None = None  # when everything that followed from it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What messages speak of, as far as columns know it."""

    ref: str
    kind: str
    day_ref: str | None
    joined_ref: str | None
    mark: str | None
    child_ref: str | None
    version: int  # 0 before the first is decided
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a record and what was decided on it."""

    record_ref: str
    number: int
    message_id: str
    decided_at: datetime
    decision: bytes | None  # None once forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One alert on one channel to one target."""

    id: int
    channel: Channel
    target: str
    state: DeliveryState
    attempts: int
    attempted_at: datetime | None
    delivered_at: datetime | None  # confirmed by the broker, or acknowledged by the reader
    acknowledged_at: datetime | None
    last_error: str | None
    format: str = "cloudevents"
    reference: str | None = None  # the channel's own id of what it took


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One version of a thread, or (with a reason and without a sequence) a hold."""

    id: str
    thread_id: str
    sequence: int | None  # counts from 1 in the thread
    record_version: int
    message_id: str
    type: AlertType | None
    basis: str | None
    urgency: Urgency
    routing_key: str | None
    view_hash: str | None
    hold_reason: str | None = None
    decided_at: datetime
    expires_at: datetime | None = None  # of a held body


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An alert or hold as its sender may follow it."""

    alert: Alert
    route: str
    service: str
    agency: str
    state: AlertState
    missing: bytes | None
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A message, the receipt that was given for it, and what has become of its alerts."""

    message: Message
    receipt: bytes | None  # None once forgotten
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One record, one route, one service, and what that receiver knows."""

    id: str
    record_ref: str
    route: str
    service: str
    agency: str
    sequence: int = 0  # of its last alert, holds aside; 0: there is none
    type: AlertType | None = None
    view_hash: str | None = None
    state: AlertState | None = None
    attempted: bool = False  # a delivery was attempted at any time, so that it may have arrived
    told: bool = False  # an alert was attempted, and no later `withdrawn` was delivered
    ways: frozenset[Way] = frozenset()  # on which an alert was ever attempted
    held: str | None = None  # the reason of a hold that stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one receiver has been told, as it stands: the last version of a thread."""

    alert_id: str
    service: str
    harm: bool  # a version of this thread went on the basis `harm`
    body: bytes  # the rendered alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptake:
    """The counted facts of one review: no child."""

    authority: str
    organisation: str
    outcome: str
    month: str  # YYYY-MM
    locality: str
    age_band: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery to be made now, with what is to be sent."""

    id: int
    alert_id: str
    thread_id: str
    target: str
    kind: str
    type: AlertType
    urgency: Urgency
    routing_key: str
    attempts: int  # this one included
    format: str
    body: bytes  # the alert as it was decided, a CloudEvent; `format` says how it is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A delivery that its channel took, and of which it may know more by now."""

    id: int
    alert_id: str
    target: str
    reference: str
    attempted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A delivery that its channel took and could not deliver."""

    alert_id: str
    target: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What came by MESH, and what became of it: never its content."""

    id: str  # MESH's
    mailbox: str  # the sender's
    received_at: datetime
    status: int  # as HTTP would have answered
    workflow: str | None = None  # of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to be sent now."""

    id: str  # of the letter that it answers
    mailbox: str
    workflow: str
    attempts: int
    reply: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLetter:
    """A letter that brought a file, of which all is done."""

    id: str
    mailbox: str
    upload_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for one target."""

    channel: Channel
    target: str
    urgency: Urgency
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many bodies have been erased."""

    held: int
    messages: int
    refused: int
