"""CSV and XLSX with a published header: every row becomes one canonical message.

Which template a table follows is told by its header, whatever the order and case of its columns. A
header that no template knows is a fault of the whole file, since a slip of the pen must not lose a
column of data. A row is taken or refused by itself, with all its faults; only the rows of one pupil's
SEN provision are read together, as the periods that they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from adapters.errors import Fault, NotUnderstood, Refused
from adapters.inbound.files import FILE, Entry, FileParser, Upload, too_many
from adapters.inbound.files.build import Building, key, source
from adapters.inbound.files.cells import OLD_EXCEL, Cell, Table, decoded, read
from adapters.inbound.files.convert import CONVERTERS, HISTORY, Context, Wrong
from adapters.inbound.files.sen_history import OBSOLETE, Period, stands
from adapters.inbound.files.templates import (
    NOT_WANTED,
    Column,
    Template,
    folded,
    templates,
)
from adapters.inbound.json import faults
from schemas.codes import CodeTables
from schemas.fields import nearest
from schemas.message import MESSAGE

NO_ROW = (
    "The table holds no row below its header: nothing follows. Was it saved before it was sent?"
)
OTHER_ROW = (
    "Another row of this pupil holds the SEN provision that stands: nothing follows from this one."
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES = ("text/csv", "text/tab-separated-values", XLSX, "application/vnd.ms-excel")


def recognises(body: bytes, media_type: str) -> bool:
    """Tell whether this looks like a table: by its media type, its archive or its header."""
    if media_type.partition(";")[0].strip().lower() in MEDIA_TYPES:
        return True
    if body.startswith(b"PK"):
        return b"xl/workbook" in body
    if body.startswith(OLD_EXCEL):
        return True
    try:
        first = decoded(body[:8192].rsplit(b"\n", 1)[0]).lstrip().partition("\n")[0]
    except Refused:
        return False
    names = {folded(cell) for sign in ",;\t" for cell in first.replace('"', "").split(sign)}
    return any(len(names & one.known.keys()) >= 3 for one in templates().values())


def _parse(body: bytes, upload: Upload, tables: CodeTables) -> Iterator[Entry]:
    """Read a table. The header is checked before the first row is given.

    Raises:
        NotWellFormed: neither CSV nor a workbook.
        NotUnderstood: too large, or its header is wrong: every fault of it.
    """
    table = read(body)
    if not table.rows:
        raise NotUnderstood(
            (Fault("row 1", "is empty; the first row holds the header", "required"),)
        )
    (top, header), *rows = table.rows
    if len(rows) > upload.most:
        raise too_many(upload.most)
    names = ["" if cell is None else str(cell) for cell in header]
    template = _template_of(names)
    columns = _columns(table, top, names, template)
    left_out = [folded(names[index]) for index, column in columns.items() if column is None]
    note = f"Columns that nobody here may need were left out: {', '.join(left_out)}."
    notes = (*((note,) if left_out else ()), *(() if rows else (NO_ROW,)))
    about = [Entry(place=FILE, notes=notes)] if notes else []
    entries = [
        _entry(_Row(table, template, columns, number, cells, upload, tables))
        for number, cells in rows
    ]
    return chain(about, _standing(entries, upload.today, tables))


PARSER: FileParser = _parse


def _template_of(names: Sequence[str]) -> Template:
    """Return the template of which the header has most, and of these the one of which it lacks least.

    Raises NotUnderstood.
    """
    given = {folded(name) for name in names if name}

    def fits(one: Template) -> tuple[int, int]:
        known = one.known
        lacks = sum(c.must and not _spellings(c) & given for c in one.columns)
        return len(given & known.keys()), -lacks

    best = max(templates().values(), key=fits)
    if fits(best)[0] < 2:
        detail = (
            "is the header of none of the tables that are read; start from a template: "
            + ", ".join(templates())
        )
        raise NotUnderstood((Fault("row 1", detail, "not-supported"),))
    return best


def _spellings(column: Column) -> set[str]:
    return {folded(name) for name in (column.header, *column.also)}


def _columns(
    table: Table, top: int, names: Sequence[str], template: Template
) -> dict[int, Column | None]:
    """Return the columns by their place; None of one that is left out.

    Raises NotUnderstood with every fault of the header.
    """
    found: dict[int, Column | None] = {}
    wrong = []
    known = template.known
    for index, name in enumerate(names):
        if not name:
            continue
        place, word = table.place(top, index), folded(name)
        column = known.get(word)
        if column is None and word in NOT_WANTED:
            found[index] = None
        elif column is None:
            close = nearest(word, [one.header for one in template.columns])
            detail = f"is no column of the table `{template.name}`{close}"
            wrong.append(Fault(place, detail, "unknown-column"))
        elif column in found.values():
            detail = f"names the column `{column.header}` a second time; keep one"
            wrong.append(Fault(place, detail, "duplicate-column"))
        else:
            found[index] = column
    for column in template.columns:
        if column.must and column not in found.values():
            detail = f"lacks the column `{column.header}`; add it"
            wrong.append(Fault(f"row {top}", detail, "required"))
    if wrong:
        raise NotUnderstood(tuple(wrong))
    return found


@dataclass(frozen=True)
class _Row:
    """One row that is not empty, and what it is read by."""

    table: Table
    template: Template
    columns: Mapping[int, Column | None]
    number: int
    cells: Sequence[Cell]
    upload: Upload
    tables: CodeTables

    def is_empty(self, index: int) -> bool:
        """Tell whether nothing stands in a column."""
        return index >= len(self.cells) or self.cells[index] is None

    def place(self, index: int) -> str:
        """Say where the cell of a column stands."""
        column = self.columns.get(index)
        return self.table.place(self.number, index, column.header if column else "")


def _entry(row: _Row) -> Entry:
    """Turn a row into a document, or into all that is wrong with it."""
    building, wrong, history = Building(), [], False
    for index, column in row.columns.items():
        cell = row.cells[index] if index < len(row.cells) else None
        if column is None or (cell is None and not column.must):
            continue
        if cell is None:
            detail = "is empty; this column needs a value in every row"
            wrong.append(Fault(row.place(index), detail, "required"))
            continue
        try:
            context = Context(row.table, row.tables, column.paths[0])
            value = CONVERTERS[column.convert](cell, context)
        except Wrong as fault:
            wrong.append(Fault(row.place(index), fault.detail, fault.code))
            continue
        if value is HISTORY:
            history = history or column.must
            continue
        for path in column.paths:
            building.put(path, value, row.place(index))
    for index, cell in enumerate(row.cells):
        if cell is not None and index not in row.columns:
            wrong.append(Fault(row.place(index), "stands under no header", "unknown-column"))
    where = f"row {row.number}"
    document, places, absent = _completed(building, row)
    if wrong:
        wrong += _also_wrong(document, places | absent)
        return Entry(place=where, faults=tuple(dict.fromkeys(wrong)))
    if history:
        return Entry(place=where, notes=(OBSOLETE,))
    return Entry(place=where, document=_named(document), places=places, absent=absent)


def _completed(
    building: Building, row: _Row
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Add the template's constants, what the upload says of every row, and what the row leaves out."""
    for constant in row.template.constants:
        for path in constant.paths:
            if building.has(path.rpartition(".")[0]) and not building.has(path):
                building.put(path, _constant(constant.convert))
    building.put("sent", row.upload.sent.isoformat())
    building.put("source", source(row.upload))
    at = {column: index for index, column in row.columns.items() if column}
    for column in row.template.columns:
        index = at.get(column)
        if not column.must and (index is None or row.is_empty(index)):
            place = f"row {row.number}, {column.header}" if index is None else row.place(index)
            for path in column.paths:
                building.lacks(path, place)
    return building.finish()


def _constant(convert: str) -> Any:
    written = convert.removeprefix("=")
    try:
        return from_json(written)
    except ValueError:
        return written


def _also_wrong(document: dict[str, Any], places: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what the model says of the cells that could be converted: all is told at once."""
    try:
        MESSAGE.validate_json(to_json({"id": "unknown", **document}), strict=True)
    except ValidationError as error:
        for fault in faults(error, document):
            if fault.pointer in places:
                yield Fault(places[fault.pointer], fault.detail, fault.code)


def _standing(entries: Sequence[Entry], today: date, tables: CodeTables) -> Iterator[Entry]:
    """Let of each pupil's SEN provisions only the one that stands give a notice."""
    of_pupil = defaultdict(list)
    for entry in entries:
        document = entry.document or {}
        if "notice" in document and document.get("action") != "retract":
            of_pupil[document["child"]["upn"]].append(entry)
    read = {e.place: one for rows in of_pupil.values() for e, one in _read(rows, today, tables)}
    return (read.get(entry.place, entry) for entry in entries)


def _read(rows: Sequence[Entry], today: date, tables: CodeTables) -> Iterator[tuple[Entry, Entry]]:
    """Yield each row of one pupil with what follows from it.

    A pupil is restricted whichever row says so, unless the one that stands says otherwise.
    """
    stated = ((row.document or {}).get("sharing", {}) for row in rows)
    restricted = {"restricted": True} if any(s.get("restricted") for s in stated) else {}
    now = stands(chain.from_iterable(map(_periods, rows)), today, tables)
    for entry in rows:
        document = entry.document or {}
        if now.faults:
            yield entry, replace(entry, document=None, faults=now.faults)
        elif now.period is None or now.period.place != entry.places["/notice/provision"]:
            yield (
                entry,
                replace(entry, document=None, notes=(OTHER_ROW,) if now.period else now.notes),
            )
        else:
            notice = {**(now.notice or {}), **document["notice"]}
            said = {"notice": notice}
            if sharing := restricted | document.get("sharing", {}):
                said["sharing"] = sharing
            yield entry, replace(entry, document=document | said, notes=now.notes)


def _periods(row: Entry) -> Iterable[Period]:
    """Yield the provision of a row, and the one before, of which only that it is over is known."""
    notice = (row.document or {})["notice"]
    place = row.places["/notice/provision"]
    if "provisionBefore" in notice:
        yield Period(notice["provisionBefore"], None, place, date.min)
    yield Period(notice["provision"], date.fromisoformat(notice["start"]), place)


def _named(document: dict[str, Any]) -> dict[str, Any]:
    """Name the record by its reference, else by child, day and service; a notice by its UPN."""
    child, referral = document["child"], document.get("referral")
    if referral is None:
        return {**document, "id": child["upn"]}
    if "identifier" not in referral:
        names = [child.get(name) for name in ("givenNames", "familyName", "birthDate")]
        who = child.get("nhsNumber") or child.get("upn") or names
        to = referral.get("service", {}).get("to")
        referral["identifier"] = "row-" + key(who, referral["date"], referral["type"], to)
    return {**document, "id": referral["identifier"]}
