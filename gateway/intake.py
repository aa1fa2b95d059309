"""The way of a message: receive, parse, relate, assess, decide, record. Then the relay takes over.

Repeated    the same id with other content
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.inbound import PARSERS, Parsed
from gateway.assessment import Assessment
from gateway.caller import Caller
from gateway.journal import Journal, JournalAway, Transaction
from gateway.policy.engine import Decision
from gateway.receipts import Receipts
from gateway.recording import Recording
from gateway.relating import Related, relate, replaces, restate, still_restricted
from gateway.rules import Rules
from gateway.travelling import Incoming, State
from schemas.message import Message
from schemas.receipt import Question, Receipt
from schemas.record import fold

AHEAD = timedelta(hours=1)
"""How far a sender's clock may be ahead of ours."""

log = structlog.get_logger(__name__)


class Repeated(Exception):
    """The id was used before, for other content."""


@dataclass(frozen=True)
class Answer:
    """What the sender is told, once it is on disk."""

    receipt: Receipt
    repeated: bool = False
    """The same message again: nothing was decided again."""


@dataclass(frozen=True)
class Intake:
    """Everything that the steps need, loaded once at start."""

    journal: Journal
    rules: Rules
    receipts: Receipts
    recording: Recording

    async def take(self, body: bytes, media_type: str, caller: Caller) -> Answer:
        """Receive one message, and take it; keep the bytes of what cannot be understood.

        Raises:
            Refused: it cannot be understood; its bytes are kept, for the operator.
            NotAllowed: the caller may not send it.
            Repeated: the id was used for other content.
            JournalAway: it could not be written; nothing was accepted.
        """
        received = datetime.now(UTC)
        try:
            parsed = self.understand(body, media_type, received)
        except Refused as refused:
            status = 400 if isinstance(refused, NotWellFormed) else 422
            await self.keep(caller, received, status, type(refused).__name__, body)
            raise
        return await self.take_parsed(parsed, body, media_type, caller, received)

    async def take_parsed(
        self, parsed: Parsed, body: bytes, media_type: str, caller: Caller, received: datetime
    ) -> Answer:
        """Take a message that was understood. Raises what `take` raises, but Refused."""
        self.rules.allow(caller, parsed.message)
        incoming = Incoming.of(self.journal.codec, parsed, body, media_type, caller, received)
        settled = self.journal.transact(lambda tx: self.settle(tx, incoming), order=incoming.order)
        return await asyncio.wrap_future(settled)

    def understand(self, body: bytes, media_type: str, received: datetime) -> Parsed:
        """Parse by media type, and refuse a message from the future: it would stand over all others.

        Of a review the day is looked at too, since the headers of Digital Child Health are not
        held against it. Raises Refused.
        """
        parsed = PARSERS[media_type](body, self.rules.tables)
        in_json = media_type == "application/json"
        if faults := tuple(_of_the_future(parsed.message, received, in_json=in_json)):
            raise NotUnderstood(faults)
        return self._with_default(parsed)

    def settle(self, tx: Transaction, incoming: Incoming) -> Answer:
        """Relate, assess, decide and record within one transaction. Raises Repeated."""
        if repeat := self._known(tx, incoming):
            return repeat
        related = relate(tx, self.journal.codec, incoming)
        if incoming.parsed.restates:
            restating = restate(tx, self.journal.codec, incoming, related.ref)
            if isinstance(restating, str):
                return Answer(self.receipts.standing(tx, restating), repeated=True)
            incoming = restating
        state = self._state(tx, incoming, related)
        if state.late and incoming.safeguarding and incoming.message.action != "retract":
            raise Repeated(
                "A message of this record with a later `sent` stands already. Nothing was accepted: "
                "send it again under a new id, with the time at which you send it."
            )
        return Answer(self.recording.record(tx, incoming, state))

    def _known(self, tx: Transaction, incoming: Incoming) -> Answer | None:
        """Recognise a message that was sent before, under the same source, event and id."""
        seen = tx.messages(incoming.idempotency)
        for known in seen:
            if incoming.bytes_hash == known.bytes_hash or (
                incoming.canonical_hash == known.canonical_hash
            ):
                receipt = self.receipts.standing(tx, known.id)
                if known.submitter_only and known.credential_id != incoming.caller.credential:
                    receipt = self.receipts.for_another(receipt)
                return Answer(receipt, repeated=True)
        if seen and seen[-1].sequence >= incoming.sequence:
            raise Repeated(
                "This id was used before, with other content. To correct a message, send the whole "
                "of it as `update` under a new id, or under this id with a higher sequence "
                "(in FHIR `meta.versionId` of the MessageHeader)."
            )
        return None

    def _state(self, tx: Transaction, incoming: Incoming, related: Related) -> State:
        """Fold the message into its record, assess what stands then, and decide on it."""
        message, gone = fold([*related.parts, incoming.part])
        own, decision = Assessment(), Decision()
        if message:
            if gone:
                message = still_restricted(tx, related.ref, message)
            own = self.rules.assess(incoming.message)
            whole = own if message is incoming.message else self.rules.assess(message)
            decision = self.rules.decide(message, whole)
        return State(
            record=related.ref,
            version=related.version + 1,
            message=message,
            decision=decision,
            own=own,
            gone=gone,
            late=any(part.stands_over(incoming.part) for part in related.parts),
            replaces=replaces(incoming, related.parts),
        )

    async def keep(
        self, caller: Caller, received: datetime, status: int, why: str, body: bytes
    ) -> None:
        """Keep the bytes of what is refused with 400 or 422 for the operator, if that can be."""
        kept = self.journal.transact(
            lambda tx: tx.keep_refused(caller.organisation, received, status, why, body)
        )
        try:
            await asyncio.wrap_future(kept)
        except JournalAway:
            log.warning("refused, and its bytes could not be kept", status=status)

    def _with_default(self, parsed: Parsed) -> Parsed:
        """Let the source's signed default stand for what the message has no place to state."""
        message = parsed.message
        source = self.rules.directory.organisation(message.source.key)
        default = source.default_statement if source else None
        if parsed.states_sharing or default is None or message.sharing.safe_contact:
            return parsed
        stated = {"safe_contact": default.sharing.safe_contact}
        sharing = message.sharing.model_copy(update=stated)
        detail = (
            f"Taken from your organisation's default statement, signed by {default.signed_by} on "
            f"{default.on}."
        )
        return replace(
            parsed,
            message=message.model_copy(update={"sharing": sharing}),
            notes=(*parsed.notes, Question(pointer="/sharing/safeContact", detail=detail)),
        )


def _of_the_future(message: Message, received: datetime, *, in_json: bool) -> Iterator[Fault]:
    review = getattr(message, "review", None)
    if review and review.date > (received + timedelta(days=1)).date():
        place = "Bundle.entry.resource.ofType(Encounter).period.start"
        yield Fault("/review/date" if in_json else place, "lies in the future", "review-date")
    if message.sent > received + AHEAD:
        detail = "lies in the future; check the clock of the sending system"
        yield Fault("/sent" if in_json else "Bundle.timestamp", detail, "sent")
