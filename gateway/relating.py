"""Relates a message to the record that it speaks of: which one, and what stands of it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.journal import Codec, Transaction
from gateway.travelling import Incoming
from schemas.message import MESSAGE, UNCLOCKED, Message
from schemas.record import Part, body_of, child_key, record_key, restated, same_content


@dataclass(frozen=True)
class Related:
    """A record that is locked, as it stood before the message came."""

    ref: str
    version: int
    """0: the message is its first."""
    parts: Sequence[Part]


def relate(tx: Transaction, codec: Codec, incoming: Incoming) -> Related:
    """Find the record that the message speaks of, lock it, and open its earlier parts."""
    ref = _same_day(tx, codec, incoming) if incoming.day else incoming.record
    version = tx.lock_record(ref, incoming.message.kind, incoming.day)
    parts = [
        Part(
            source=known.organisation,
            event=known.event,
            retracts=known.action == "retract",
            order=(known.sent_at, known.sequence, known.idempotency),
            message=_opened(canonical) if canonical else None,
        )
        for known, canonical in (tx.parts(ref) if version else ())
    ]
    return Related(ref, version, parts)


def replaces(incoming: Incoming, earlier: Sequence[Part]) -> bool:
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


def still_restricted(tx: Transaction, ref: str, message: Message) -> Message:
    """Keep a restriction that stood in a part whose body is gone."""
    if not tx.restricted(ref):
        return message
    sharing = message.sharing.model_copy(update={"restricted": True})
    return message.model_copy(update={"sharing": sharing})


def restate(tx: Transaction, codec: Codec, incoming: Incoming, ref: str) -> Incoming | str:
    """Lay what a register restates over what stands of it.

    Of what stands already, return the id of the message that said it.
    """
    own = (incoming.message.source.key, incoming.parsed.event)
    for row, canonical in tx.parts(ref):
        if (row.organisation, row.event) != own or row.action == "retract":
            continue
        if not canonical:  # of what it said only a restriction is known by now
            return _instead(codec, incoming, _as_before(tx, codec, incoming.message, ref))
        standing = _opened(canonical)
        message = restated(standing, incoming.message)
        if same_content(standing, message):
            return row.id
        if message.sent == standing.sent:  # a file that was mended by hand keeps its time
            message = message.model_copy(update={"sequence": (standing.sequence or 0) + 1})
        return _instead(codec, incoming, message)
    return _instead(codec, incoming, _as_before(tx, codec, incoming.message))


def _same_day(tx: Transaction, codec: Codec, incoming: Incoming) -> str:
    """Join a review part without type to that day's only record, whichever of them came first."""
    ref = incoming.record
    assert incoming.day is not None
    others = tx.lock_day(incoming.day)
    for other in others:
        if ref in (other.ref, other.joined_ref):
            return other.ref
    untyped = codec.ref("record", *record_key(incoming.message)[:-1], "")
    if len(others) == 1 and not others[0].joined_ref and untyped in (ref, others[0].ref):
        tx.join(others[0].ref, ref)
        return others[0].ref
    return ref


def _as_before(tx: Transaction, codec: Codec, message: Message, ref: str | None = None) -> Message:
    """Keep a child restricted where its source last said so, and the file says nothing of it.

    That stood in the record itself, of which no more is kept, or in the source's latest record of
    this child: a pupil whose provision changes has a new one.
    """
    if message.sharing.restricted is not None:
        return message
    if ref is None:
        own = [
            record
            for record in tx.records_of_child(codec.ref("child", *child_key(message)))
            if record.updated_at
            and any(row.organisation == message.source.key for row, _ in tx.parts(record.ref))
        ]
        if not own:
            return message
        ref = max(own, key=lambda record: (record.updated_at, record.ref)).ref
    return still_restricted(tx, ref, message)


def _instead(codec: Codec, incoming: Incoming, message: Message) -> Incoming:
    """Return what came in with another message in its place."""
    parsed = replace(incoming.parsed, message=message)
    return Incoming.of(
        codec, parsed, parsed.canonical, incoming.media_type, incoming.caller, incoming.received
    )


def _opened(canonical: bytes) -> Message:
    return MESSAGE.validate_json(canonical, context=UNCLOCKED)
