"""What stands of a pupil's SEN: the one reading of periods and needs, whatever format they came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from adapters.errors import Fault
from adapters.inbound.files.build import need as need_code
from adapters.inbound.files.build import provision
from schemas.codes import CodeTables

NEVER = (
    "The pupil has no special educational needs on record. If support has ended, the file must hold "
    "the provision before it, too."
)
ONLY_LATER = (
    "The SEN provision starts in the future: nothing follows yet, and nothing is kept. Send the file "
    "again on the day of its start or later."
)
LATER = (
    "Another SEN provision starts in the future: it is not told yet. Send the file again on the day "
    "of its start or later."
)
OVER = (
    "The pupil's last SEN provision is over, and none came after it. If support has ended, record N "
    "in your system and send again."
)
OBSOLETE = (
    "The pupil's last SEN provision is of a kind that ended years ago (S, A or P). "
    "If the pupil has SEN, record K or E in your system and send again."
)
RESUMED = (
    "A later SEN provision has ended, and this one has no end: it was read as standing again from the "
    "day after. If it is over, give it an end in your system and send again."
)
FIRST_SEEN = "The system holds no start: the day on which it was first sent stands in."
CLASH = (
    "differs from another provision of the same day, or of no day; keep the one that stands, or say "
    "when each began"
)
NO_PROVISION = "is not a provision that is known here, and none is guessed; give the code N, K or E"
MOST_RANKS = 20


@dataclass(frozen=True)
class Period:
    """A SEN provision on record."""

    written: str
    """The DfE's code, or the system's own code or words."""
    start: date | None
    """None: it has begun, and nobody knows when."""
    place: str
    """Of the provision, in the file."""
    end: date | None = None
    """Its last day. None: it stands until another begins."""


@dataclass(frozen=True)
class Need:
    """A type of need of a pupil."""

    type: str
    """As written."""
    rank: Any
    """As written; may be nothing."""
    place: str
    start: date | None = None
    end: date | None = None
    """Its last day."""
    description: str = ""


@dataclass(frozen=True)
class Stands:
    """What follows from a pupil's periods."""

    notice: dict[str, Any] | None = None
    """`start`, `provision` and the like of the canonical notice; None: nothing follows."""
    period: Period | None = None
    """The current one."""
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def stands(periods: Iterable[Period], today: date, tables: CodeTables) -> Stands:
    """Find the provision that stands today: of those that have begun and not ended, the last to begin.

    Several open ones are borne: the last stands. Where two begin on one day, or it is not known when,
    and they differ, nothing is guessed. What begins later is told when the file comes again by then.
    K and E give a notice; N gives one where K or E stood before it (support ended). S, A and P are
    history. An earlier one that has no end stands again once a later one has ended.
    """
    periods = list(periods)
    begun = sorted((p for p in periods if _begins(p) <= today), key=_begins)
    standing = [p for p in begun if not p.end or p.end >= today]
    later = (LATER if standing else ONLY_LATER,) if len(begun) < len(periods) else ()
    if not standing:
        return Stands(notes=later or ((OVER,) if begun else ()))
    current = standing[-1]
    code, known = _code(current, tables)
    if not known:
        return Stands(faults=(Fault(current.place, NO_PROVISION, "value"),))
    others = [p for p in begun if _code(p, tables) != (code, True)]
    if any(p in standing and p.start in (current.start, None) for p in others):
        return Stands(faults=(Fault(current.place, CLASH, "value"),))
    if code is None:
        return Stands(notes=(OBSOLETE, *later))
    before, known = _code(others[-1], tables) if others else (None, True)
    if code == "N" and not known:
        return Stands(faults=(Fault(others[-1].place, NO_PROVISION, "value"),))
    if code == "N" and before not in ("K", "E"):
        return Stands(notes=(NEVER, *later))
    ended = [p.end + timedelta(1) for p in others if p.end and _begins(p) > _begins(current)]
    start = current.start and max([current.start, *ended])
    notice = {"start": (start or today).isoformat(), "provision": code}
    if start is None:
        notice["startIs"] = "first-seen"
    if before:
        notice["provisionBefore"] = before
    said = [(ended, RESUMED), (start is None, FIRST_SEEN)]
    return Stands(notice, current, notes=(*(note for true, note in said if true), *later))


def ranked(
    needs: Sequence[Need], today: date, tables: CodeTables
) -> list[tuple[dict[str, Any], Need]]:
    """Return the canonical needs that stand, in the order of their ranks, each with its origin.

    They are counted from 1. A rank from 0, a doubled one and one that is missing are borne by the
    order of the file. A type that is in no table travels word for word.
    """
    now = [n for n in needs if (n.start or today) <= today <= (n.end or today)]
    found: dict[str, tuple[dict[str, Any], Need]] = {}
    for need in sorted(now, key=lambda need: _rank(need.rank)):
        code = need_code(need.type, tables)
        told: dict[str, Any] = {"type": code}
        if len(found) < MOST_RANKS:
            told["rank"] = len(found) + 1
        if need.description:
            told["description"] = need.description
        found.setdefault(code, (told, need))
    return list(found.values())


def _begins(period: Period) -> date:
    return period.start or date.min


def _code(period: Period, tables: CodeTables) -> tuple[str | None, bool]:
    """Return the code (None: history only), and whether it is known at all."""
    try:
        return provision(period.written, tables), True
    except KeyError:
        return None, False


def _rank(written: Any) -> int:
    """Return a rank as a number; what is none comes last."""
    text = str(written)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 10_000
