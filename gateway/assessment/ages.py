"""A child's age on a day, corrected for prematurity."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from schemas.codes import Age

PREMATURE = timedelta(weeks=3)
"""Born three weeks or more early: the age is corrected."""
CORRECTED_UNTIL = 24
"""Months of chronological age until which prematurity is corrected (publisher's guidance)."""


def age_on(day: date, born: date, expected: date | None = None) -> Age:
    """Return the age in completed months and days, corrected for prematurity until 24 months."""
    age = _age(day, born)
    if expected and expected - born >= PREMATURE and age.months < CORRECTED_UNTIL:
        return _age(day, expected)
    return age


def _age(day: date, born: date) -> Age:
    months = (day.year - born.year) * 12 + day.month - born.month
    since = _plus_months(born, months)
    if since > day:
        months -= 1
        since = _plus_months(born, months)
    return Age(months, (day - since).days)


def _plus_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
