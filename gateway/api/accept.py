"""What a caller asks for in Accept (RFC 9110, 12.5.1), the most wanted first."""

from __future__ import annotations

import re
from typing import NamedTuple


class MediaRange(NamedTuple):
    """A media type or range, in lower case, with its parameters."""

    name: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        """How much it is wanted, 0 (not at all) to 1; what is no such number counts as 1."""
        q = self.parameters.get("q", "1")
        return float(q) if re.fullmatch(r"0(\.\d*)?|1(\.0*)?", q, re.ASCII) else 1.0


def media_range(text: str) -> MediaRange:
    """Read one media type with its parameters."""
    name, *parameters = (piece.strip() for piece in text.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaRange(
        name.lower(), {key.strip().lower(): value.strip(' "') for key, _, value in pairs}
    )


def wanted(accept: str) -> list[MediaRange]:
    """Return what an Accept header asks for; of what is wanted equally, what it names first."""
    ranges = [media_range(one) for one in accept.split(",") if one.strip()]
    return sorted((one for one in ranges if one.quality > 0), key=lambda one: -one.quality)
