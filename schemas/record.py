"""The record that messages speak of: its key, and its state as a pure fold of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from schemas.base import whole_date
from schemas.message import (
    BODY,
    MESSAGE,
    UNCLOCKED,
    HealthyChildReviewMessage,
    Message,
    ReferralMessage,
    SenSupportNoticeMessage,
    SpeechTherapyReportMessage,
)


def child_key(message: Message) -> tuple[str, ...]:
    """Return what identifies the child: NHS number, else UPN, else names and birth date."""
    child = message.child
    if child.nhs_number:
        return ("nhs-number", child.nhs_number)
    if child.upn:
        return ("upn", child.upn)
    if not child.family_name or not whole_date(child.birth_date):
        # Two children of whom nothing is known must not become one.
        return ("message", message.source.key, message.id)
    names = " ".join(child.given_names).casefold()
    return ("name", names, child.family_name.casefold(), child.birth_date or "")


def record_key(message: Message) -> tuple[str, ...]:
    """Return the key of the record that a message speaks of.

    In JSON the property `record` (unique within its source); else report and referral: source and
    business identifier, of a referral that is no request to a service its type too, so that none
    takes the place of harm under one identifier; SEN notice: UPN, start, provision; review: child,
    encounter date, organisation, and type where given.
    """
    if message.record:
        return (message.kind, message.source.key, message.record)
    match message:
        case SpeechTherapyReportMessage(report=report) if report:
            return (message.kind, message.source.key, report.identifier)
        case ReferralMessage(referral=referral) if referral:
            of_type = () if referral.type == "service" else (referral.type,)
            return (message.kind, message.source.key, referral.identifier, *of_type)
        case SenSupportNoticeMessage(notice=notice) if notice:
            upn = message.child.upn or ""
            return (message.kind, upn, notice.start.isoformat(), notice.provision)
        case HealthyChildReviewMessage(review=review) if review:
            kind_of_review = review.type or (review.type_code.code if review.type_code else "")
            return (*review_day(message), kind_of_review)
    raise ValueError("a message without body names its record")  # the models refuse it before


def review_day(message: HealthyChildReviewMessage) -> tuple[str, ...]:
    """Return what the reviews of one child, day and organisation share.

    A part that does not say which review it is joins that day's only record.
    """
    day = message.review.date.isoformat() if message.review else ""
    return (message.kind, *child_key(message), day, message.source.key)


@dataclass(frozen=True)
class Part:
    """One event of one source, as it was last sent: whole, never a patch."""

    source: str
    event: str
    retracts: bool
    order: tuple[datetime, int, str]
    """Sent time, sequence, and what tells apart messages of one instant (an id or its hash)."""
    message: Message | None
    """None where its body was counted and forgotten, or erased."""

    def stands_over(self, other: Part) -> bool:
        """Tell whether this is a later message of the same part."""
        same = (self.source, self.event) == (other.source, other.event)
        return same and self.order > other.order


def fold(parts: Iterable[Part]) -> tuple[Message | None, int]:
    """Fold a record's parts into its state, and count those that stand but are no longer kept.

    A part's latest message stands, or removes it; what stands is merged in the order of the parts.
    The order in which `parts` come does not matter. The state is None where nothing stands.
    """
    latest: dict[tuple[str, str], Part] = {}
    for part in sorted(parts, key=lambda part: part.order):
        latest[part.source, part.event] = part
    standing = sorted((p for p in latest.values() if not p.retracts), key=lambda p: p.order)
    kept = [p.message for p in standing if p.message is not None]
    if len(kept) <= 1:
        return (kept[0] if kept else None), len(standing) - len(kept)
    document: dict[str, Any] = {}
    for message in kept:
        document = _laid_over(document, message.document())
    folded = MESSAGE.validate_json(to_json(document), context=UNCLOCKED)
    return folded, len(standing) - len(kept)


def restated(standing: Message, new: Message) -> Message:
    """Return a part as it stands once a file restates it.

    A SEN notice comes of a register, which says little and is silent about the rest: what was
    stated before of child, sharing, professional and body stands on. Only of needs, and of what came
    before, its silence counts. Where the register knows no start, a record is the child's provision,
    whichever it is: unchanged, the start that was first seen stands; changed, it begins anew, and what
    was stated of the earlier one is not stated of this.
    Of any other kind, and of what begins anew, a file states the whole, but for what stops sharing:
    that stands on until the file says otherwise.
    """
    document, laid = new.document(), standing.document()
    now, before = document.get("notice", {}), laid.get("notice", {})
    first_seen = now.get("startIs") == "first-seen" and bool(before)
    begins_anew = first_seen and now["provision"] != before["provision"]
    if begins_anew:
        now.setdefault("provisionBefore", before["provision"])
    elif first_seen:
        now.update({name: before[name] for name in _FIRST_SEEN & before.keys()})
    if begins_anew or not isinstance(new, SenSupportNoticeMessage):
        sharing = {**_what_stops(laid.get("sharing", {})), **document.get("sharing", {})}
        document |= {"sharing": sharing} if sharing else {}
        return MESSAGE.validate_json(to_json(document), context=UNCLOCKED)
    for name in BY_PROPERTY & document.keys() & laid.keys():
        old = {key: value for key, value in laid[name].items() if key not in _STATED_WHOLE}
        document[name] = {**old, **document[name]}
    return MESSAGE.validate_json(to_json({**laid, **document}), context=UNCLOCKED)


def _what_stops(sharing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a statement narrows sharing: a restriction, a refusal, care in contact."""
    refused = sharing.get("agreement", {}).get("status") in ("refused", "withdrawn")
    names = [name for name in _STAYS_TRUE if sharing.get(name) is True]
    names += ["agreement"] if refused else []
    names += ["safeContact"] if sharing.get("safeContact") in _CAREFUL else []
    return {name: sharing[name] for name in names}


def same_content(one: Message, other: Message) -> bool:
    """Tell whether two messages say the same, whenever and under whatever id they were sent."""
    first, second = (
        {name: value for name, value in message.document().items() if name not in _OF_THE_SENDING}
        for message in (one, other)
    )
    return first == second


def body_of(message: Message) -> Any:
    """Return the body of a message: its review, report, notice or referral."""
    return getattr(message, BODY[message.kind])


BY_PROPERTY = frozenset({"child", "sharing", *BODY.values()})
"""What a later part states of these is laid over property by property; all else is replaced whole,
so that no agreement, opinion or address is put together from two."""
_STAYS_TRUE = ("restricted", "disagreement", "courtOrderKnown")
"""What one part says of these another part does not lift."""
_CAREFUL = ("speak-to-sender-first", "do-not-contact")
"""Words of `safeContact` that ask for care, the gravest last. A part that says a lesser one of them,
as a source's default does for every child, does not lift a graver one."""
_JOINED = frozenset({"conclusions", "informed", "welfareJudgements", *BODY.values()})
"""Lists that grow by what a later part adds: these, and those of the body."""


_STATED_WHOLE = frozenset({"needs", "provisionBefore"})
"""What a register's export states of a body whole: what it leaves out of these is gone."""
_FIRST_SEEN = frozenset({"start", "provisionBefore"})
"""What stands of a provision from when it was first seen."""
_OF_THE_SENDING = frozenset({"id", "sent", "sequence", "action"})
"""What is of the sending of a message and not of its content."""


def _laid_over(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = {**old, **new}
    for name in old.keys() & new.keys():
        if name in BY_PROPERTY:
            grow = name in BODY.values()
            merged[name] = {
                **old[name],
                **{
                    key: _joined(old[name].get(key), value, grow or key in _JOINED)
                    for key, value in new[name].items()
                },
                **{key: True for key in _STAYS_TRUE if old[name].get(key) is True},
            }
            said = [part[name].get("safeContact") for part in (old, new)]
            if all(word in _CAREFUL for word in said):
                merged[name]["safeContact"] = max(said, key=_CAREFUL.index)
        else:
            merged[name] = _joined(old[name], new[name], name in _JOINED)
    return merged


def _joined(old: Any, new: Any, grows: bool) -> Any:
    if grows and isinstance(old, list) and isinstance(new, list):
        return [*old, *(item for item in new if item not in old)]
    return new
