"""What a profile is: the types of resources that its messages hold, and its tables of paths.

A table is a CSV of rows (table, canonical, fhir, convert, note). What `canonical` says of a row:

`a.b`        a property: the first row that yields a value fills it
`a.b[]`      a list: an item for each node, of one row after the other
`%x`         a variable: the first row that yields something defines it
`refused`    what yields something is refused, with the note as the reason
`required`   what yields nothing is missing, with the note as the reason
`noted`      what yields something is told to the sender, with the note; asked when all is read

`convert` is the name of a converter, or `a→b, c→d` with what becomes of another code, or `object`
(objects.py), or the name of another table, with a capital like the model that it fills, which is
then read with each node as `$this`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from adapters.inbound.fhir.paths import Find, compile_path
from schemas.message import Kind


class TableFault(ValueError):
    """A table of paths is wrong: file, row and column, and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table of paths."""

    canonical: str
    fhir: str
    convert: str
    note: str
    keys: tuple[str, ...]
    """The canonical path, part by part."""
    pointer: str
    """The same as a JSON Pointer."""
    is_list: bool
    find: Find
    words: Mapping[str, Any] | None
    """Of a `convert` that is a map: from the code that is read to the canonical value."""
    other: str
    """What becomes of a code that is not in `words`: `refused`, `nothing`, `as it is`, `unmapped`."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a MessageHeader says that the message is."""

    kind: Kind
    code: str
    """The event, as the idempotency key has it."""
    table: str
    """The table that reads it, unless the focus leads to a resource of a type in `shapes`."""
    shapes: Mapping[str, str] = field(default_factory=dict)
    """Of an event that comes in further shapes: the type of its focus to the table."""
    shared: tuple[str, ...] = ()
    """Tables that are read before its own: what it has in common with other events."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Return every table of its own that may read this event."""
        return tuple(dict.fromkeys((self.table, *self.shapes.values())))

    def read_by(self, table: str) -> tuple[str, ...]:
        """Return all tables that are read of the shape that `table` reads, in this order."""
        return ("systems", *self.shared, table, "message")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One FHIR version: what is understood of it."""

    version: str
    types: tuple[str, ...]
    """Of the resources that a message may hold. One of another type is refused."""
    tables: Mapping[str, tuple[Row, ...]]
    event_element: str
    """Element of the MessageHeader whose `code` is the event."""
    events: Mapping[str, Event]
    """By the code in `event_element`."""
    event_systems: Mapping[str, str]
    """Code system of an event, by how its code begins."""
    name: str = ""
    """What its senders call it, where that is not the FHIR version."""
    is_told_by_system: bool = False
    """It shares `event_element` with another profile: the event's code system tells them apart."""
    extends: Profile | None = None
    """Whose rows it has too, but for those that it replaces. They are described there."""
    clock: bool = True
    """Whether the day of a review is held against the header's time (schemas/rules.py)."""
    states_sharing: bool = True
    """Whether its messages have a place for the sharing statement."""
    only_one: tuple[str, ...] = ("Patient",)
    """Types of which a message holds one at most: a second would be left unread."""

    def has(self, event: Any) -> bool:
        """Tell whether an event that stands in `event_element` is for this profile to read."""
        system = event.get("system") if isinstance(event, dict) else None
        return not self.is_told_by_system or system in self.event_systems.values()


def load_tables(
    file: str, converters: Mapping[str, Callable[..., Any]], known: Iterable[str] = ()
) -> dict[str, tuple[Row, ...]]:
    """Load the tables of one CSV file beside this module; `known` are names of tables elsewhere.

    Raises:
        TableFault: at the first row that is wrong.
    """
    tables: dict[str, list[Row]] = {}
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    for number, cells in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            tables.setdefault(cells["table"], []).append(_row(cells))
        except ValueError as error:
            raise TableFault(f"{file}, row {number}, column fhir: {error}") from None
    known = {"", "object", *converters, *tables, *known}
    for rows in tables.values():
        for row in rows:
            if row.words is None and row.convert not in known:
                raise TableFault(f"{file}, {row.canonical}, column convert: `{row.convert}`")
    return {name: tuple(rows) for name, rows in tables.items()}


def extended(own: tuple[Row, ...], base: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return a table of another profile with rows of one's own: these take the place of its rows for
    the same property, and what it lacks comes first.
    """
    theirs = {row.canonical for row in base} - {"refused", "required"}
    rows = [row for row in own if row.canonical not in theirs]
    replaced = {row.canonical for row in own} & theirs
    for row in base:
        if row.canonical not in replaced:
            rows.append(row)
        elif row.canonical not in {one.canonical for one in rows}:
            rows += (one for one in own if one.canonical == row.canonical)
    return tuple(rows)


def _row(cells: Mapping[str, str]) -> Row:
    canonical, convert = cells["canonical"], cells["convert"]
    pairs, _, other = convert.partition(", else ")
    words: dict[str, Any] | None = None
    if "→" in pairs:
        words = dict(pair.split("→") for pair in pairs.split(", "))
        words = {code: {"true": True}.get(word, word) for code, word in words.items()}
    keys = tuple(canonical.removesuffix("[]").split("."))
    return Row(
        canonical=canonical,
        fhir=cells["fhir"],
        convert=convert,
        note=cells["note"],
        keys=keys,
        pointer="/" + "/".join(keys),
        is_list=canonical.endswith("[]"),
        find=compile_path(cells["fhir"]),
        words=words,
        other=other or "refused",
    )
