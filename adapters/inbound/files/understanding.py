"""Holds a file's records against the canonical model, each with the sender's statement under it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from adapters.errors import Fault
from adapters.inbound import json
from adapters.inbound.files import Entry
from adapters.inbound.parsed import Parsed
from schemas.message import BODY, MESSAGE
from schemas.receipt import Question
from schemas.record import BY_PROPERTY

STATEMENT = "statement"
"""In front of the JSON Pointer of what is wrong in the sender's statement."""


def understand(entry: Entry, under: Mapping[str, Any], at: datetime) -> Parsed | tuple[Fault, ...]:
    """Return an entry's message, or every fault of it, each with its place in the file.

    under: canonical JSON that came with the file. What the record itself says stands over it.
    at: when it came. Parents may be told after the file was made and before it is sent, so days are
    held against this, and not against the time that the file bears.
    """
    assert entry.document is not None
    document = laid_over(under, entry.document)
    made = document["sent"]
    document["sent"] = at.isoformat()
    try:
        message = MESSAGE.validate_json(
            to_json(document), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        found = json.faults(error, document)
        told = [Fault(_place(entry, under, f.pointer), f.detail, f.code) for f in found]
        return tuple(dict.fromkeys(told))
    message = message.model_copy(update={"sent": datetime.fromisoformat(made).astimezone(UTC)})
    notes = tuple(Question(pointer=None, detail=note) for note in entry.notes)
    return Parsed(message=message, event=message.kind, notes=notes, restates=True)


def laid_over(under: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a record over what is stated for it: child, sharing and body property by property.

    What is stated of another kind's body is left out.
    """
    own = BODY.get(document.get("kind"))  # type: ignore[arg-type]
    merged = {n: v for n, v in under.items() if n not in BODY.values() or n == own}
    for name, value in document.items():
        below = merged.get(name)
        both = name in BY_PROPERTY and isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = {**below, **value} if both else value  # type: ignore[dict-item]
    return merged


def _place(entry: Entry, under: Mapping[str, Any], pointer: str) -> str:
    """Translate a JSON Pointer: to the record's place in the file, or into the statement."""
    if _is_stated(entry.document or {}, under, pointer.split("/")[1:]):
        return f"{STATEMENT}{pointer}"
    if pointer in entry.absent:
        return entry.absent[pointer]
    while pointer and pointer not in entry.places:
        pointer = pointer.rpartition("/")[0]
    return entry.places.get(pointer, entry.place)


def _is_stated(document: Mapping[str, Any], under: Mapping[str, Any], parts: list[str]) -> bool:
    """Tell whether the value at a place comes from the statement."""
    if not parts or parts[0] not in under:
        return False
    if parts[0] not in document:
        return True
    name, *below = parts
    return name in BY_PROPERTY and bool(below) and below[0] not in document[name]
