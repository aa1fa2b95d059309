"""What travels along the way of a message, from one step to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import uuid4

from adapters.inbound import Parsed
from gateway.assessment import Assessment
from gateway.caller import Caller
from gateway.journal import Codec
from gateway.policy.engine import Decision
from schemas.message import HealthyChildReviewMessage, Message, is_safeguarding
from schemas.record import Part, record_key, review_day


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A message that was understood, with all that is worked out before the transaction."""

    id: str
    """The gateway's own, under which the message is recorded if it is."""
    parsed: Parsed
    body: bytes
    canonical: bytes
    media_type: str
    caller: Caller
    received: datetime
    idempotency: str
    bytes_hash: str
    canonical_hash: str
    record: str
    """The record's keyed hash, by the message alone."""
    day: str | None
    """Of a review that names no record: the hash of its child, day and organisation."""

    @classmethod
    def of(
        cls,
        codec: Codec,
        parsed: Parsed,
        body: bytes,
        media_type: str,
        caller: Caller,
        received: datetime,
    ) -> Self:
        """Work out all of a message that needs no journal. `body`: the bytes that are kept of it."""
        message, canonical = parsed.message, parsed.canonical
        day = None
        if isinstance(message, HealthyChildReviewMessage) and message.review and not message.record:
            day = codec.ref("day", *review_day(message))
        return cls(
            id=str(uuid4()),
            parsed=parsed,
            body=body,
            canonical=canonical,
            media_type=media_type,
            caller=caller,
            received=received,
            idempotency=codec.ref("id", message.source.key, parsed.event, message.id),
            bytes_hash=codec.ref("bytes", body),
            canonical_hash=codec.ref("canonical", canonical),
            record=codec.ref("record", *record_key(message)),
            day=day,
        )

    @property
    def order(self) -> str:
        """What the transaction locks first."""
        return self.day or self.record

    @property
    def message(self) -> Message:
        return self.parsed.message

    @property
    def sequence(self) -> int:
        return self.message.sequence or 0

    @property
    def safeguarding(self) -> bool:
        return is_safeguarding(self.message)

    @property
    def part(self) -> Part:
        """This message as a part of its record."""
        return Part(
            source=self.message.source.key,
            event=self.parsed.event,
            retracts=self.message.action == "retract",
            order=(self.message.sent, self.sequence, self.idempotency),
            message=self.message,
        )


@dataclass(frozen=True, kw_only=True)
class State:
    """A record's state with an incoming message: what stands, what it means, who is told."""

    record: str
    version: int
    message: Message | None
    """What stands of all parts; None where all was retracted."""
    decision: Decision
    own: Assessment
    """Of the incoming message alone: all that its sender is told, who may not have sent the rest."""
    gone: int
    """How many earlier parts stand and are no longer kept."""
    late: bool
    """A later message of this part stood already, so this one changed nothing."""
    replaces: bool
    """A `new` message took the place of another one of its part, which said something else."""

    @property
    def restricted(self) -> bool:
        """That nobody may learn where the child is."""
        return bool(self.message and self.message.sharing.restricted)
