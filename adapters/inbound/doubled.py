"""Names that a JSON object has twice.

Readers take the last and say nothing, though the sender may mean the first.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

Place = tuple[str | int, ...]

CODE = "duplicate-property"
DETAIL = "is sent more than once in one object; send it once"


class _Twice(dict[str, Any]):
    """An object some of whose names were sent more than once."""

    names: list[str]


def sent_twice(body: bytes) -> list[Place]:
    """Return the places of properties that an object has more than once.

    body: well-formed JSON in UTF-8. Of what is nested too deeply for Python nothing is told.
    """
    any_twice = False

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal any_twice
        stated = dict(pairs)
        if len(stated) == len(pairs):
            return stated
        any_twice = True
        twice = _Twice(stated)
        counts = Counter(name for name, _ in pairs)
        twice.names = [name for name, count in counts.items() if count > 1]
        return twice

    try:
        # Numbers are not looked at, and one of a million digits would take its time.
        document = json.loads(body, object_pairs_hook=read, parse_int=str, parse_float=str)
    except RecursionError:
        return []
    return _places(document) if any_twice else []


def _places(document: Any) -> list[Place]:
    found: list[Place] = []
    waiting: list[tuple[Place, Any]] = [((), document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, _Twice):
            found += ((*place, name) for name in value.names)
        if isinstance(value, (dict, list)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += (((*place, key), inner) for key, inner in items)
    return found
