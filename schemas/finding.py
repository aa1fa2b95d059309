"""One normalised statement about the child, and what kind of statement it is."""

from __future__ import annotations

from typing import Literal

from schemas.base import Coding, Day, Model, Text, Word

Level = Literal["on-schedule", "monitor", "concern", "not-determined"]

Origin = Literal["parent-reported", "measured", "professional-opinion", "computed"]
"""A receiver can tell fact from opinion."""


class Finding(Model):
    """A domain or need, a level with its reason, the evidence, and what it is."""

    about: Word
    """A domain (`communication`), a DfE need (`SLCN`), a therapy area, `hearing`, `vision`."""
    level: Level
    reason: Text | None = None
    """Why the level is `not-determined`."""
    origin: Origin
    based_on: Origin | None = None
    """Of a computed finding: what its evidence is. ASQ-3 is completed by a parent."""
    area: Word | None = None
    """The broad area of need that this points to, where it points to one."""
    score: float | None = None
    cut_off: float | None = None
    """In points. ASQ-3: a score below it is two standard deviations or more under the mean. ASQ:SE-2:
    a total above it calls for a closer look."""
    questionnaire_months: int | None = None
    code: Coding | None = None
    words: Text | None = None
    rule: Word | None = None
    """Of a computed finding: the rule's name and version."""
    on: Day | None = None
    pointer: Word | None = None
    """Where in the canonical message the evidence stands (JSON Pointer)."""
