"""What travels along the way of a message, from one step to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.inbound import Parsed
from gateway.assessment import Assessment
from gateway.caller import Caller
from gateway.policy.engine import Decision
from schemas.message import Message, is_safeguarding
from schemas.record import Part


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A message that was understood, with all that is worked out before the transaction."""

    parsed: Parsed
    body: bytes
    canonical: bytes
    media_type: str
    caller: Caller
    received: datetime
    idempotency: str
    bytes_hash: str
    canonical_hash: str
    day: str | None
    order: str
    """What the transaction locks first."""

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


@dataclass(frozen=True)
class State:
    """A record's state: its message (None where all was retracted), what it means, who is told."""

    message: Message | None
    assessment: Assessment
    decision: Decision
    own: Assessment
    """Of the incoming message alone: all that its sender is told, who may not have sent the rest."""
    replaces: bool = False
    """That a `new` message took the place of another one of its part, which said something else."""
