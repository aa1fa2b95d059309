"""What every inbound adapter returns."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Coding
from schemas.message import Message
from schemas.receipt import Question


@dataclass(frozen=True)
class Parsed:
    """A message as it was understood."""

    message: Message
    event: str
    """The event of the sender's standard; in JSON the kind. Part of the idempotency key."""
    unmapped: tuple[Coding, ...] = ()
    """Codes of elements that the profile reads which are not in our maps, word for word."""
    notes: tuple[Question, ...] = ()
    """Warnings without refusal, for the sender's receipt."""
    states_sharing: bool = True
    """False of a format that has no place for the sharing statement: there the source's registered
    default may stand for what is not stated."""
    restates: bool = False
    """It comes of a format that restates all that stands, changed or not: a register's export."""

    @property
    def canonical(self) -> bytes:
        """The canonical form: equal for the same content in whatever format it came."""
        return canonical_bytes(self.message)


def canonical_bytes(message: Message) -> bytes:
    """Serialise a message canonically: camelCase JSON in the model's order, nothing unstated."""
    return message.model_dump_json(by_alias=True, exclude_defaults=True).encode()
