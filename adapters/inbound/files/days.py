"""Dates as school systems write them."""

from __future__ import annotations

import re
from datetime import date

_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ][\d:.]{4,15}(?:Z|[+-]\d{2}:?\d{2})?)?")
_DAY_FIRST = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})")

WRONG = "is not a calendar date; write yyyy-mm-dd"
EITHER = "may be read day first or month first; write yyyy-mm-dd"
BORNE = "A date is written day first; it was read so. Dates belong as yyyy-mm-dd."


def read_day(written: str, today: date) -> tuple[date | None, str | None]:
    """Read yyyy-mm-dd (a time behind it is borne), or day/month/year where it cannot be another.

    Return the day with a note, or None with a fault; both sentences hold no value. Two digits of a
    year are of this century, unless that lies in the future.
    """
    found = _ISO.fullmatch(written)
    try:
        if found:
            return date.fromisoformat(found[1]), None
        found = _DAY_FIRST.fullmatch(written)
        if not found:
            return None, WRONG
        day, month, year = int(found[1]), int(found[2]), int(found[3])
        if len(found[3]) == 2:
            year += 2000 if year + 2000 <= today.year + 1 else 1900
        read = date(year, month, day)
    except ValueError:
        return None, WRONG
    return (read, BORNE) if day > 12 or day == month else (None, EITHER)
