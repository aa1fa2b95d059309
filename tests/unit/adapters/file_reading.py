"""What tests of files share: an upload, and a record held against the canonical model."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from openpyxl import Workbook

from adapters.inbound.files import Entry, Upload
from adapters.inbound.files.templates import templates
from schemas.message import MESSAGE, Message

EXAMPLES = Path(__file__).parents[3] / "examples" / "files"
SENT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SCHOOL = Upload(source="urn:199901", sent=SENT)
TRUST = Upload(source="ods:RXA", sent=SENT)


def taken(entry: Entry, statement: Mapping[str, Any] | None = None) -> Message:
    """Return the message of a record, with what the upload states laid under it."""
    assert entry.document is not None, entry
    assert not entry.faults
    document = _over(dict(statement or {}), entry.document)
    assert set(entry.places) <= set(_pointers(entry.document))
    return MESSAGE.validate_json(orjson.dumps(document), strict=True)


def _over(under: dict[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in document.items():
        both = isinstance(value, dict) and isinstance(under.get(name), dict)
        under[name] = _over(dict(under[name]), value) if both else value
    return under


def _pointers(node: Any, here: str = "") -> list[str]:
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for name, value in inner:
        found.append(f"{here}/{name}")
        if isinstance(value, dict | list):
            found += _pointers(value, f"{here}/{name}")
    return found


def example(name: str, **changes: str) -> dict[str, str]:
    """Return the example row of a template by header; `Start_date="…"` changes a cell."""
    row = {one.header: one.example for one in templates()[name].columns}
    return row | {header.replace("_", " "): value for header, value in changes.items()}


def a_csv(*rows: Mapping[str, str], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Write rows as a CSV with the header of the first."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def a_workbook(*rows: Sequence[Any], **sheets: Sequence[Sequence[Any]]) -> bytes:
    """Write rows as the first sheet of an .xlsx workbook, and further sheets by name."""
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    for name, inner in sheets.items():
        sheet = book.create_sheet(name)
        for row in inner:
            sheet.append(list(row))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
