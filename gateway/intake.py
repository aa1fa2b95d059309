"""The way of a message: parse, relate, assess, decide, record. Then the relay takes over.

Repeated    the same id with other content
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.inbound import PARSERS, Parsed
from gateway.assessment import Assessment
from gateway.caller import Caller
from gateway.journal import Codec, Journal, JournalAway, Transaction
from gateway.policy.engine import Decision
from gateway.recording import Recording
from gateway.travelling import Incoming, State
from gateway.weighing import Weighing
from schemas.message import MESSAGE, UNCLOCKED, HealthyChildReviewMessage, Message
from schemas.receipt import Question, Receipt
from schemas.record import (
    Part,
    body_of,
    child_key,
    fold,
    record_key,
    restated,
    review_day,
    same_content,
)

REVIEWED = "Bundle.entry.resource.ofType(Encounter).period.start"
"""Where the day of a review stands in FHIR."""
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


@dataclass(frozen=True, kw_only=True)
class Intake(Weighing):
    """Everything that steps 2 to 6 need, loaded once at start."""

    journal: Journal
    codec: Codec
    recording: Recording

    async def take(self, body: bytes, media_type: str, caller: Caller) -> Answer:
        """Take one message.

        Raises:
            Refused: it cannot be understood; its bytes are kept.
            NotAllowed: the caller may not send it.
            Repeated: the id was used for other content.
            JournalAway: it could not be written; nothing was accepted.
        """
        received = datetime.now(UTC)
        parsed = await self.parse(body, media_type, caller, received)
        return await self.take_parsed(parsed, body, media_type, caller, received)

    async def take_parsed(
        self, parsed: Parsed, body: bytes, media_type: str, caller: Caller, received: datetime
    ) -> Answer:
        """Take a message that was understood. Raises what `take` raises, but Refused."""
        self.allow(caller, parsed.message)
        incoming = self.incoming(parsed, body, media_type, caller, received)
        settled = self.journal.transact(lambda tx: self.settle(tx, incoming), order=incoming.order)
        return await asyncio.wrap_future(settled)

    async def parse(
        self, body: bytes, media_type: str, caller: Caller, received: datetime
    ) -> Parsed:
        """Parse by media type; keep the bytes of what cannot be understood for the operator."""
        try:
            return self.understand(body, media_type, received)
        except Refused as refused:
            why = type(refused).__name__
            status = 400 if isinstance(refused, NotWellFormed) else 422
            kept = self.journal.transact(
                lambda tx: tx.keep_refused(caller.organisation, received, status, why, body)
            )
            try:
                await asyncio.wrap_future(kept)
            except JournalAway:
                log.warning("refused, and its bytes could not be kept", status=status)
            raise refused from None

    def understand(self, body: bytes, media_type: str, received: datetime) -> Parsed:
        """Parse by media type, and refuse a message from the future: it would stand over all others.

        Raises Refused.
        """
        parsed = PARSERS[media_type](body, self.tables)
        review = getattr(parsed.message, "review", None)
        if review and review.date > (received + timedelta(days=1)).date():
            place = "/review/date" if media_type == "application/json" else REVIEWED
            raise NotUnderstood((Fault(place, "lies in the future", "review-date"),))
        if parsed.message.sent > received + AHEAD:
            place = "/sent" if media_type == "application/json" else "Bundle.timestamp"
            raise NotUnderstood(
                (Fault(place, "lies in the future; check the clock of the sending system", "sent"),)
            )
        return self._with_default(parsed)

    def _with_default(self, parsed: Parsed) -> Parsed:
        """Let the source's signed default stand for what the message has no place to state."""
        message = parsed.message
        source = self.directory.organisation(message.source.key)
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

    def settle(self, tx: Transaction, incoming: Incoming) -> Answer:
        """Do steps 3 to 6 within one transaction. Raises Repeated."""
        if repeat := self._known(tx, incoming):
            return repeat
        record, version, earlier = self._relate(tx, incoming)
        if incoming.parsed.restates:
            restating = self._restating(tx, incoming, record)
            if isinstance(restating, Answer):
                return restating
            incoming = restating
        message, gone = fold([*earlier, incoming.part])
        if message and gone:
            message = self._still_restricted(tx, record, message)
        own = self.assess(incoming.message)
        weighed = self.weigh(message) if message else (Assessment(), Decision())
        state = State(
            message, *weighed, own if message else Assessment(), _replaces(incoming, earlier)
        )
        late = any(part.stands_over(incoming.part) for part in earlier)
        if late and incoming.safeguarding and incoming.message.action != "retract":
            raise Repeated(
                "A message of this record with a later `sent` stands already. Nothing was accepted: "
                "send it again under a new id, with the time at which you send it."
            )
        return Answer(self.recording.record(tx, incoming, record, version + 1, state, gone, late))

    def _still_restricted(self, tx: Transaction, record_ref: str, message: Message) -> Message:
        """Keep a restriction that stood in a part whose body is gone."""
        known = tx.record(record_ref)
        if known is None or known.mark != self.codec.ref("restricted", record_ref):
            return message
        sharing = message.sharing.model_copy(update={"restricted": True})
        return message.model_copy(update={"sharing": sharing})

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
                "of it as `update` under a new id, or under this id with a higher sequence."
            )
        return None

    def _restating(self, tx: Transaction, incoming: Incoming, record_ref: str) -> Incoming | Answer:
        """Lay what a register restates over what stands of it; of what stands already, the receipt."""
        own = (incoming.message.source.key, incoming.parsed.event)
        for row, canonical in tx.parts(record_ref):
            if (row.organisation, row.event) != own or row.action == "retract":
                continue
            if not canonical:  # of what it said only a restriction is known by now
                return self._instead(incoming, self._as_before(tx, incoming, record_ref))
            standing = MESSAGE.validate_json(canonical, context=UNCLOCKED)
            message = restated(standing, incoming.message)
            if same_content(standing, message):
                return Answer(self.receipts.standing(tx, row.id), repeated=True)
            if message.sent == standing.sent:  # a file that was mended by hand keeps its time
                later = (standing.sequence or 0) + 1
                message = message.model_copy(update={"sequence": later})
            return self._instead(incoming, message)
        return self._instead(incoming, self._as_before(tx, incoming))

    def _as_before(
        self, tx: Transaction, incoming: Incoming, record_ref: str | None = None
    ) -> Message:
        """Keep a child restricted where its source last said so, and the file says nothing of it.

        That stood in the record itself, of which no more is kept, or in the source's latest record
        of this child: a pupil whose provision changes has a new one.
        """
        message = incoming.message
        if message.sharing.restricted is not None:
            return message
        if record_ref is None:
            own = [
                record
                for record in tx.records_of_child(self.codec.ref("child", *child_key(message)))
                if record.updated_at
                and any(row.organisation == message.source.key for row, _ in tx.parts(record.ref))
            ]
            if not own:
                return message
            record_ref = max(own, key=lambda record: (record.updated_at, record.ref)).ref
        return self._still_restricted(tx, record_ref, message)

    def _instead(self, incoming: Incoming, message: Message) -> Incoming:
        """Return what came in with another message in its place."""
        parsed = replace(incoming.parsed, message=message)
        return self.incoming(
            parsed, parsed.canonical, incoming.media_type, incoming.caller, incoming.received
        )

    def _relate(self, tx: Transaction, incoming: Incoming) -> tuple[str, int, list[Part]]:
        """Find the record that the message speaks of, lock it, and open its earlier parts."""
        ref = self.codec.ref("record", *record_key(incoming.message))
        if incoming.day:
            ref = self._same_day(tx, incoming, ref)
        version = tx.lock_record(ref, incoming.message.kind, incoming.day)
        earlier = tx.parts(ref) if version else []
        parts = [
            Part(
                source=known.organisation,
                event=known.event,
                retracts=known.action == "retract",
                order=(known.sent_at, known.sequence, known.idempotency),
                message=MESSAGE.validate_json(canonical, context=UNCLOCKED) if canonical else None,
            )
            for known, canonical in earlier
        ]
        return ref, version, parts

    def _same_day(self, tx: Transaction, incoming: Incoming, ref: str) -> str:
        """Join a review part without type to that day's only record, whichever of them came first."""
        assert incoming.day is not None
        others = tx.lock_day(incoming.day)
        for other in others:
            if ref in (other.ref, other.joined_ref):
                return other.ref
        untyped = self.codec.ref("record", *record_key(incoming.message)[:-1], "")
        if len(others) == 1 and not others[0].joined_ref and untyped in (ref, others[0].ref):
            tx.join(others[0].ref, ref)
            return others[0].ref
        return ref

    def incoming(
        self, parsed: Parsed, body: bytes, media_type: str, caller: Caller, received: datetime
    ) -> Incoming:
        """Work out all of a message that needs no journal. `body`: the bytes that are kept of it."""
        message, canonical = parsed.message, parsed.canonical
        day = None
        if isinstance(message, HealthyChildReviewMessage) and message.review and not message.record:
            day = self.codec.ref("day", *review_day(message))
        idempotency = self.codec.ref("id", message.source.key, parsed.event, message.id)
        return Incoming(
            parsed=parsed,
            body=body,
            canonical=canonical,
            media_type=media_type,
            caller=caller,
            received=received,
            idempotency=idempotency,
            bytes_hash=self.codec.ref("bytes", body),
            canonical_hash=self.codec.ref("canonical", canonical),
            day=day,
            order=day or self.codec.ref("record", *record_key(message)),
        )


def _replaces(incoming: Incoming, earlier: list[Part]) -> bool:
    """Tell whether a message that calls itself new takes the place of one that says other things.

    A file that restates what stands is no such message: it says `new` of everything.
    """
    new = incoming.message.action == "new" and not incoming.parsed.restates
    return new and any(
        incoming.part.stands_over(part)
        and not part.retracts
        and part.message is not None
        and body_of(part.message) != body_of(incoming.message)
        for part in earlier
    )
