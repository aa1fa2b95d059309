"""Bytes to cells: CSV as spreadsheets write it, and the first sheet of an XLSX workbook.

Everything is bounded before it is unfolded. What a spreadsheet may carry beside its values is not
looked at: links are not followed, macros not run, and of a formula the value counts that the
spreadsheet saved with it.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Any
from xml.parsers import expat

from adapters.errors import Fault, NotUnderstood, NotWellFormed

OLD_EXCEL = b"\xd0\xcf\x11\xe0"
"""How an .xls begins, and an .xlsx that a password locks."""
MOST_ROWS = 50_000
MOST_CELLS = 500_000
LAST_ROW = 2**20
"""The last row that a spreadsheet has; some write it although it is empty."""
MOST_UNPACKED = 64 * 2**20
"""Bytes of all parts of a workbook together."""
MOST_RATIO = 200
"""How far a part may have been compressed; real ones by 10 to 30."""
MOST_ELEMENTS = 4 * MOST_CELLS
MOST_IN_A_ROW = 1_000
MOST_HEADER = 20_000
"""Characters of the header that tell the delimiter."""
DEEPEST = 100
DELIMITERS = (",", ";", "\t")

Cell = str | int | float | bool | date | datetime | time | None
"""An empty one is None. CSV holds strings only."""


@dataclass(frozen=True)
class Table:
    """One table as it stands in a file."""

    rows: Sequence[tuple[int, Sequence[Cell]]]
    """Every row that is not empty, with its number as a spreadsheet shows it: the first is 1."""
    workbook: bool
    epoch: datetime | None = None
    """From which day the workbook counts the serial numbers of dates."""

    def place(self, row: int, column: int, header: str = "") -> str:
        """Say where a cell stands: `row 14, column D (Date of birth)`. Columns count from 0."""
        letters = column_letters(column)
        named = f" ({header})" if header else ""
        cell = f"cell {letters}{row}" if self.workbook else f"column {letters}"
        return f"row {row}, {cell}{named}"

    def day(self, serial: float) -> date | None:
        """Return the date that a workbook's serial number stands for; None where it cannot be one."""
        if self.epoch is None or not 1 <= serial < 110_000:
            return None
        from openpyxl.utils.datetime import from_excel

        found = from_excel(serial, self.epoch)
        return found.date() if isinstance(found, datetime) else None


def read(body: bytes) -> Table:
    """Read a file of either format, told by its first bytes.

    Raises:
        NotWellFormed: it is neither, or broken; of CSV with the line.
        NotUnderstood: it is larger than is read, or hides more than one table.
    """
    if body.startswith(b"PK"):
        return _workbook(body)
    if body.startswith(OLD_EXCEL):
        raise NotWellFormed(
            "This is an Excel file of the old kind (.xls), or one with a password. Save it as .xlsx "
            "without a password, or as CSV UTF-8."
        )
    return _csv(decoded(body))


@cache
def column_letters(column: int) -> str:
    """Return a column's letters: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def decoded(body: bytes) -> str:
    """Decode UTF-8 and UTF-16, with or without byte order mark, and what Excel writes for `CSV`.

    Raises NotWellFormed.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in body[:2]:
        encoding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            raise NotWellFormed("This is not UTF-16. Save it as `CSV UTF-8`.") from None
    if _UTF8.search(body):  # one wrong byte must not turn every other name into signs
        raise NotWellFormed("This is UTF-8 in part, and in part not. Save it as `CSV UTF-8`.")
    try:
        return body.decode("cp1252")
    except UnicodeDecodeError:
        raise NotWellFormed(
            "This is neither UTF-8 nor Windows-1252. Save it as `CSV UTF-8`."
        ) from None


_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")
"""A character of two or three bytes as UTF-8 writes it."""


def _csv(text: str) -> Table:
    text = re.sub(r"\Asep=.\r?\n", "", text, count=1)  # Excel's own way to name the delimiter
    first = text.lstrip()[:MOST_HEADER].partition("\n")[0].partition("\r")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return Table(_bounded(reader), workbook=False)
    except csv.Error as error:
        said = (
            "a quotation mark is opened here or further up, and never closed"
            if "unexpected end" in str(error)
            else error
        )
        raise NotWellFormed(f"This is not CSV from here on: {said}", reader.line_num) from None


def _workbook(body: bytes) -> Table:
    # Only here, as it takes long to load and few send workbooks.
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _hold_to_bounds(archive)
        with warnings.catch_warnings():  # of styles and extensions that nobody reads here
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
            return _first_sheet(book)
    except (NotUnderstood, NotWellFormed):
        raise
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 a stranger's file may raise anything below openpyxl
        kind = type(error).__name__
        raise NotWellFormed(
            f"This is not a workbook of Excel's format .xlsx ({kind}). Save it anew as .xlsx, or as "
            "CSV UTF-8."
        ) from None


def _first_sheet(book: Any) -> Table:
    """Read the first sheet that shows. Another that holds a table of its own must not be lost."""
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        raise NotUnderstood((Fault("", "has no sheet with a table", "required"),))
    for sheet in sheets:
        sheet.reset_dimensions()
    first = Table(_bounded(sheets[0].iter_rows(values_only=True)), workbook=True, epoch=book.epoch)
    header = {_said(cell) for cell in first.rows[0][1]} if first.rows else set()
    for number, sheet in enumerate(sheets[1:], start=2):
        top = next(sheet.iter_rows(max_row=1, values_only=True), ())
        if len(header & {_said(cell) for cell in top if cell is not None}) > 1:
            detail = "holds a table too; send each table as a file of its own"
            raise NotUnderstood((Fault(f"sheet {number}", detail, "too-many"),))
    return first


def _said(cell: Cell) -> str:
    return " ".join(str(cell).split()).casefold()


def _bounded(rows: Iterable[Iterable[Any]]) -> list[tuple[int, Sequence[Cell]]]:
    found: list[tuple[int, Sequence[Cell]]] = []
    cells = 0
    for number, row in enumerate(rows, start=1):
        values: list[Cell] = list(row)
        while values and (values[-1] is None or values[-1] == ""):
            values.pop()
        cells += len(values)
        if number > (MOST_ROWS if values else LAST_ROW) or cells > MOST_CELLS:
            detail = f"has more than {MOST_ROWS} rows or {MOST_CELLS} cells; send it in parts"
            raise NotUnderstood((Fault(f"row {number}", detail, "too-large"),))
        values = [(cell.strip() or None) if isinstance(cell, str) else cell for cell in values]
        if any(cell is not None for cell in values):
            found.append((number, values))
    return found


def _hold_to_bounds(archive: zipfile.ZipFile) -> None:
    """Refuse a workbook that would unfold without end, or that defines entities.

    What a part declares as its size is the most that is read of it.
    """
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    folded = any(
        part.file_size > MOST_RATIO * max(part.compress_size, 1) and part.file_size > 2**20
        for part in parts
    )
    if len(parts) > 1_000 or unpacked > MOST_UNPACKED or folded:
        detail = (
            f"unfolds to more than the {MOST_UNPACKED // 2**20} MiB that are read; send it in parts"
        )
        raise NotUnderstood((Fault("", detail, "too-large"),))
    if "xl/workbook.xml" not in archive.namelist():
        raise NotWellFormed("This is a ZIP archive, and no .xlsx workbook. Save it as .xlsx.")
    elements = _Elements()
    for part in parts:
        if part.filename.endswith((".xml", ".rels")):
            elements.count_in(archive.read(part))


class _Elements:
    """Counts elements before anything is made of them."""

    def __init__(self) -> None:
        self.all = self.in_a_row = self.depth = 0

    def count_in(self, part: bytes) -> None:
        self.depth = 0
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(part, True)

    def _doctype(self, *_: Any) -> None:
        raise NotUnderstood(
            (Fault("", "defines a document type, which no workbook does", "value"),)
        )

    def _start(self, name: str, _: Any) -> None:
        self.all += 1
        self.depth += 1
        local = name.rpartition(":")[2]
        self.in_a_row = 0 if local == "row" else self.in_a_row + (local == "c")
        if self.all > MOST_ELEMENTS or self.in_a_row > MOST_IN_A_ROW:
            detail = f"holds more than {MOST_CELLS} cells, or {MOST_IN_A_ROW} in a row"
            raise NotUnderstood((Fault("", detail, "too-large"),))
        if self.depth > DEEPEST:
            raise NotUnderstood((Fault("", "is nested too deeply", "too-deep"),))

    def _end(self, _: str) -> None:
        self.depth -= 1
