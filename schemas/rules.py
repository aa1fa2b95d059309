"""Rules between fields: each holds of a document as it was sent, whatever else is wrong with it.

The models raise the first that is broken; an adapter that refuses a message tells all of them, so
that no other fault hides what to do about harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

SAFEGUARDING_REASON = ("https://fhir.nhs.uk/STU3/CodeSystem/DCH-ReasonForReferral-1", "58")
"""DCH-ReasonForReferral-1 58, Safeguarding."""

INSTEAD = (
    "is about significant harm, which is not a referral to a service. Telephone the front door now; "
    "then send a referral of type `safeguarding`, which goes to the front door only"
)
BODIES = {
    "service": "service",
    "ehc-needs-assessment": "ehc",
    "section-23-notification": "notification",
    "early-help": "earlyHelp",
    "safeguarding": "safeguarding",
}
"""Type of a referral to the property that holds its body."""
MADE = ("report.date", "referral.date")
"""Days on which a document was made: a sender's clock or zone may differ by one day."""
STATED = (
    "notice.parentsTold.on",
    "sharing.agreement.on",
    "sharing.opinion.on",
    "sharing.opinion.parentInformedOn",
)
"""Days of what must have happened before it is stated: a condition of sharing rests on it. So do
those of `sharing.informed`."""
LONDON = ZoneInfo("Europe/London")

CODES = frozenset(
    {
        "safeguarding_elsewhere",
        "harm_incomplete",
        "retract_reason",
        "birth_date",
        "review_date",
        "start",
        "future_date",
        "referral_body",
        "notification_conclusion",
    }
)
"""The codes of all rules between fields."""


@dataclass(frozen=True)
class Broken:
    """A rule that is broken: where, by which stable code, and what would be right."""

    path: str
    code: str
    detail: str


def broken(document: Any, *, clock: bool = True) -> Iterator[Broken]:
    """Yield every rule between fields that a document breaks. Takes any JSON, and never raises.

    `clock`: whether days are held against `sent`. In Digital Child Health they are not: even the
    published messages have headers whose timestamp lies months before their encounter.
    """
    yield from _harm(document)
    action, reason = at(document, "action"), at(document, "retractReason")
    if (action == "retract") != (reason is not None):
        yield Broken(
            "retractReason",
            "retract_reason",
            "is missing: `cancelled` or `entered-in-error`"
            if action == "retract"
            else "stands with the action `retract` only",
        )
    sent, born = _day(document, "sent"), _day(document, "child.birthDate")
    if sent and born and born - sent > timedelta(days=1):
        yield Broken("child.birthDate", "birth_date", "lies after the day of sending")
    reviewed = _day(document, "review.date")
    if clock and reviewed and sent and reviewed - sent > timedelta(days=1):
        yield Broken("review.date", "review_date", "lies after the day of sending")
    if reviewed and born and reviewed < born:
        yield Broken("review.date", "review_date", "lies before the date of birth")
    begun = _day(document, "notice.start")
    if begun and born and begun < born:
        yield Broken("notice.start", "start", "lies before the date of birth")
    if clock:
        yield from _future(document)
    yield from _referral(at(document, "referral"))
    yield from _notification(document)


def at(document: Any, path: str) -> Any:
    """Return what stands at a path of names, and of places in lists, else None."""
    for name in path.split("."):
        if isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            document = document.get(name) if isinstance(document, dict) else None
    return document


def _harm(document: Any) -> Iterator[Broken]:
    """Harm stands in a safeguarding referral only, and there it has a person and a cause."""
    if at(document, "referral.type") != "safeguarding":
        if _concludes(document, "significant-harm"):
            yield Broken("conclusions", "safeguarding_elsewhere", INSTEAD)
        for path in ("sharing.harm", "referral.safeguarding"):
            if at(document, path) is not None:
                yield Broken(path, "safeguarding_elsewhere", INSTEAD)
    elif at(document, "action") != "retract":
        for path, words in (("by.name", "who suspects it"), ("cause", "the cause, in words")):
            if not at(document, f"sharing.harm.{path}"):
                yield Broken(
                    f"sharing.harm.{path}",
                    "harm_incomplete",
                    f"is missing ({words}). Telephone the front door now; do not wait for this "
                    "message",
                )


def _future(document: Any) -> Iterator[Broken]:
    """Nothing was stated, told or agreed on a day after the message was sent."""
    sent, there = _day(document, "sent"), _london(document, "sent")
    if sent is None or there is None:
        return
    informed = at(document, "sharing.informed")
    count = len(informed) if isinstance(informed, list) else 0
    for path in (*STATED, *(f"sharing.informed.{index}.on" for index in range(count))):
        on = _day(document, path)
        if on and on > max(sent, there):
            yield Broken(
                path, "future_date", "lies after the day of sending; state what has happened"
            )
    for path in MADE:
        made = _day(document, path)
        if made and made - sent > timedelta(days=1):
            yield Broken(path, "future_date", "lies after the day of sending")


def _referral(referral: Any) -> Iterator[Broken]:
    """A referral has its type's body and no other's, and none has safeguarding for a reason."""
    reason = (at(referral, "service.reason.system"), at(referral, "service.reason.code"))
    if reason == SAFEGUARDING_REASON:
        yield Broken("referral.service.reason", "safeguarding_elsewhere", INSTEAD)
    kind = at(referral, "type")
    if not isinstance(kind, str) or kind not in BODIES:
        return
    given = {name for name in BODIES.values() if at(referral, name) is not None}
    if given != {BODIES[kind]}:
        yield Broken(
            "referral",
            "referral_body",
            f"of type `{kind}` needs the property `{BODIES[kind]}`, and no other type's",
        )


def _notification(document: Any) -> Iterator[Broken]:
    """A notification states the opinion that it notifies of: by its conclusion it is routed."""
    notifies = at(document, "referral.type") == "section-23-notification"
    stated = _concludes(document, "probable-sen-or-disability")
    if notifies and not stated and at(document, "action") != "retract":
        yield Broken(
            "conclusions",
            "notification_conclusion",
            "lacks `probable-sen-or-disability`, the opinion of which section 23 notifies; add it",
        )


def _concludes(document: Any, kind: str) -> bool:
    conclusions = at(document, "conclusions")
    return isinstance(conclusions, list) and any(at(one, "kind") == kind for one in conclusions)


def _london(document: Any, path: str) -> date | None:
    """Return the day in England of an instant."""
    try:
        instant = datetime.fromisoformat(at(document, path).upper())
        return instant.astimezone(LONDON).date() if instant.tzinfo else instant.date()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None


def _day(document: Any, path: str) -> date | None:
    written = at(document, path)
    try:
        return date.fromisoformat(written[:10])
    except (TypeError, ValueError, KeyError):
        return None
