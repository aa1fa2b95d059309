"""A CSV text as checked rows, and what is wrong with a data file: each fault with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from schemas.fields import nearest


@dataclass(frozen=True)
class Fault:
    """One fault of a data file: where it stands, what is wrong and what would be right."""

    file: str
    detail: str
    row: int | None = None
    """The line of the file, from 1, which is the header of a CSV. None: the file as a whole."""
    column: str | None = None
    """The column of a CSV, the key of a YAML file. None: the row as a whole."""

    def __str__(self) -> str:
        row = f", row {self.row}" if self.row else ""
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}{row}{column}: {self.detail}"


class Row(BaseModel):
    """One row. Columns are named by field or alias; an empty cell is one that was not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    _line: int = PrivateAttr(0)

    @property
    def line(self) -> int:
        """Where the row stands in its file."""
        return self._line


R = TypeVar("R", bound=Row)


def read_rows(file: str, text: str, model: type[R], faults: list[Fault]) -> list[R]:
    """Return the rows that are right; add what is wrong to `faults`."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        return _rows(file, reader, model, faults)
    except csv.Error as error:
        faults.append(Fault(file, f"is not CSV from here on: {error}", reader.line_num))
        return []


def index(file: str, rows: Iterable[R], fields: Sequence[str], faults: list[Fault]) -> dict[Any, R]:
    """Return the rows by their key: one field, or several as a tuple. A second one is a fault."""
    found: dict[Any, R] = {}
    for row in rows:
        cells = tuple(getattr(row, field) for field in fields)
        first = found.setdefault(cells[0] if len(cells) == 1 else cells, row)
        if first is not row:
            detail = f"is given a second time, after row {first.line}; keep one"
            column = type(row).model_fields[fields[-1]].alias or fields[-1]
            faults.append(Fault(file, detail, row.line, column))
    return found


def _rows(file: str, reader: Any, model: type[R], faults: list[Fault]) -> list[R]:
    header = [name.strip() for name in next(reader, [])]
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    faults.extend(_wrong_header(file, header, fields))
    rows = []
    for cells in reader:
        line = reader.line_num
        if not any(cells):
            continue
        if len(cells) != len(header):
            detail = f"has {len(cells)} cells, and the header has {len(header)}"
            faults.append(Fault(file, f"{detail}; quote a cell that holds a comma", line))
            continue
        named = zip(header, cells, strict=True)
        given = {name: cell for name, cell in named if name in fields and cell.strip()}
        try:
            row = model.model_validate(given)
        except ValidationError as error:
            faults.extend(_wrong_cells(file, line, header, error))
        else:
            row._line = line
            rows.append(row)
    return rows


def _wrong_header(file: str, header: list[str], fields: Mapping[str, FieldInfo]) -> Iterator[Fault]:
    for name in header:
        if name not in fields:
            known = nearest(name, fields) or f"; known are {', '.join(fields)}"
            yield Fault(file, f"is not a column of this file{known}", 1, name)
        elif header.count(name) > 1:
            yield Fault(file, "stands twice; keep one", 1, name)
    for name, field in fields.items():
        if field.is_required() and name not in header:
            yield Fault(file, "is missing; add the column", 1, name)


def _wrong_cells(
    file: str, line: int, header: list[str], error: ValidationError
) -> Iterator[Fault]:
    for one in error.errors(include_url=False, include_input=False):
        column = str(one["loc"][0]) if one["loc"] else None
        if one["type"] != "missing":
            yield Fault(file, one["msg"].replace("Input should", "should"), line, column)
        elif column in header:
            yield Fault(file, "is empty; this column needs a value in every row", line, column)
