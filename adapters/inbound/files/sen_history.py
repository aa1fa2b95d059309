"""What stands of a pupil's SEN, from the periods and needs that a school system keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.errors import Fault
from adapters.inbound.files.build import need as need_code
from adapters.inbound.files.build import provision
from schemas.codes import CodeTables

NEVER = "The pupil has no special educational needs on record: nothing follows."
LATER = "An SEN provision starts in the future; send the file again once it stands."
ONLY_LATER = "The pupil's only SEN provision starts in the future: nothing follows yet. " + LATER
OBSOLETE = (
    "The pupil's last SEN provision is of a kind that ended years ago (S, A or P): nothing follows. "
    "If the pupil has SEN, record K or E in your system and send again."
)
CLASH = "differs from another provision of the same day; keep the one that stands"
NO_PROVISION = "is not a provision that is known; write N, K or E"
MOST_RANKS = 20


@dataclass(frozen=True)
class Period:
    """From when a provision stands. It ends when the next begins."""

    start: date
    code: str
    """As written."""
    place: str
    """Of the provision, in the file."""


@dataclass(frozen=True)
class Need:
    """A type of need of a pupil."""

    type: str
    """As written."""
    rank: str
    """As written; may be empty."""
    place: str


@dataclass(frozen=True)
class Stands:
    """What follows from a pupil's periods."""

    notice: dict[str, Any] | None = None
    """`start`, `provision` and `provisionBefore` of the canonical notice; None: nothing follows."""
    period: Period | None = None
    """The current one."""
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def stands(periods: Sequence[Period], today: date, tables: CodeTables) -> Stands:
    """Find the provision that stands: the latest start that is not in the future.

    K and E give a notice; N gives one where K or E stood before it (support ended). S, A and P are
    history. Several open periods are borne: the latest wins.
    """
    begun = sorted((p for p in periods if p.start <= today), key=lambda p: p.start)
    later = (LATER,) if len(begun) < len(periods) else ()
    if not begun:
        return Stands(notes=(ONLY_LATER,) if periods else ())
    current = begun[-1]
    codes = [_provision(p.code, tables) for p in begun]
    code, known = codes[-1]
    if not known:
        return Stands(faults=(Fault(current.place, NO_PROVISION, "value"),))
    for period, other in zip(begun, codes, strict=True):
        if period.start == current.start and other != codes[-1]:
            return Stands(faults=(Fault(current.place, CLASH, "value"),))
    if code is None:
        return Stands(notes=(OBSOLETE, *later))
    earlier = [c for c in codes if c != codes[-1]]
    if code == "N" and not {"K", "E"} & {c for c, _ in earlier}:
        return Stands(notes=(NEVER, *later))
    notice: dict[str, Any] = {"start": current.start.isoformat(), "provision": code}
    if earlier and earlier[-1][0]:
        notice["provisionBefore"] = earlier[-1][0]
    return Stands(notice, current, notes=later)


def ranked(needs: Sequence[Need], tables: CodeTables) -> list[tuple[dict[str, Any], Need]]:
    """Return canonical needs in the order of their ranks, counted from 1, each with its origin.

    A rank from 0, a doubled one and one that is missing are borne by the order of the file. A type
    that is in no table travels word for word.
    """
    order = sorted(needs, key=lambda need: int(need.rank) if _is_number(need.rank) else 10_000)
    found: dict[str, tuple[dict[str, Any], Need]] = {}
    for need in order:
        code = need_code(need.type, tables)
        rank = {"rank": len(found) + 1} if len(found) < MOST_RANKS else {}
        found.setdefault(code, ({"type": code, **rank}, need))
    return list(found.values())


def _provision(written: str, tables: CodeTables) -> tuple[str | None, bool]:
    """Return the code (None: history only), and whether it is known at all."""
    try:
        return provision(written, tables), True
    except KeyError:
        return None, False


def _is_number(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) < 5
