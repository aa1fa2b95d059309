"""How long a target that refuses is left alone."""

from __future__ import annotations

import random
import time
from datetime import timedelta


class BackOff:
    """Rests longer each time, until all is well again; never twice as long as another."""

    def __init__(self, first: float, most: float) -> None:
        """Rest from `first` seconds on, doubling, and never longer than `most`."""
        self._first, self._most = first, most
        self.well()

    def well(self) -> None:
        """Rest no more."""
        self._seconds, self._until = 0.0, 0.0

    def longer(self) -> timedelta:
        """Rest from now on, and return how long."""
        self._seconds = min(self._most, self._seconds * 2 or self._first)
        after = self._seconds * random.uniform(0.75, 1.0)  # noqa: S311 - spread, not secrecy
        self._until = time.monotonic() + after
        return timedelta(seconds=after)

    @property
    def rests(self) -> bool:
        """Whether the target is left alone for the moment."""
        return time.monotonic() < self._until
