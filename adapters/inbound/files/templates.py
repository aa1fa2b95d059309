"""The templates: which column of a table fills which property, and the files that offices download.

The tables in `templates/` are what is read by, and what docs/tables.md and the published files are
written from. A column fills one or more paths of the canonical message (`child.givenNames.0`); a row
without column states a constant (`=value`) where the object that it stands in is there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from adapters.inbound.files.cells import column_letters

NAMES = (
    "sen-support-notice",
    "section-23-notification",
    "ehc-needs-assessment-request",
    "referral",
)
TITLES: Mapping[str, str] = {
    "sen-support-notice": "SEN support notice",
    "section-23-notification": "Notification under section 23",
    "ehc-needs-assessment-request": "Request for an EHC needs assessment",
    "referral": "Referral to a service",
}
NOT_WANTED = frozenset(
    {
        "admission number",
        "age",
        "class",
        "eal",
        "ethnicity",
        "free school meals",
        "fsm",
        "pupil premium",
        "registration group",
        "religion",
        "year",
        "year group",
    }
)
"""Columns that school systems add and that nobody who is told may need: left out, with a note."""


@dataclass(frozen=True)
class Column:
    """One row of a template."""

    header: str
    """As the published file spells it; empty of a constant."""
    also: tuple[str, ...]
    """Other headers by which it is known."""
    paths: tuple[str, ...]
    convert: str
    must: bool
    """The column must be there, and hold a value in every row."""
    example: str
    """Synthetic."""
    explanation: str


@dataclass(frozen=True)
class Template:
    """One kind of table."""

    name: str
    columns: tuple[Column, ...]
    constants: tuple[Column, ...]

    @property
    def title(self) -> str:
        """What it is for, in words."""
        return TITLES[self.name]

    @property
    def known(self) -> Mapping[str, Column]:
        """Every header that is known, as `folded` writes it."""
        return {folded(name): one for one in self.columns for name in (one.header, *one.also)}


def folded(header: str) -> str:
    """Return a header without what does not matter: case, blanks, punctuation at its end."""
    return re.sub(r"[\s_]+", " ", header).strip(" *:?.").replace("’", "'").casefold()


@cache
def templates() -> Mapping[str, Template]:
    """Return all templates by name."""
    return {name: _load(name) for name in NAMES}


def _load(name: str) -> Template:
    text = files("adapters.inbound.files").joinpath("templates", f"{name}.csv")
    rows = [
        Column(
            header=row["column"],
            also=tuple(filter(None, row["also"].split(" | "))),
            paths=tuple(row["paths"].split(" + ")),
            convert=row["convert"],
            must=row["need"] == "must",
            example=row["example"],
            explanation=row["explanation"],
        )
        for row in csv.DictReader(io.StringIO(text.read_text(encoding="utf-8"), newline=""))
    ]
    return Template(
        name=name,
        columns=tuple(row for row in rows if row.header),
        constants=tuple(row for row in rows if not row.header),
    )


def template_csv(name: str, *, example: bool = False) -> bytes:
    """Return a template to fill in: UTF-8 with byte order mark, as Excel opens it; CRLF.

    It holds the header only, so that no example is sent as a child; with `example` a synthetic row.
    """
    columns = templates()[name].columns
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([one.header for one in columns])
    if example:
        writer.writerow([one.example for one in columns])
    return text.getvalue().encode("utf-8-sig")


def template_xlsx(name: str, *, example: bool = False) -> bytes:
    """Return the same as a workbook, its cells formatted as text, with a sheet that explains them."""
    columns = templates()[name].columns
    # Only here, as it takes long to load and few ask for workbooks.
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    table, help_ = book.active, book.create_sheet("Columns")
    table.title = name[:31]
    table.append([one.header for one in columns])
    table.append([one.example if example else "" for one in columns])
    for index, one in enumerate(columns):
        column = table.column_dimensions[column_letters(index)]
        column.width = max(12, len(one.header) + 2)
        column.number_format = "@"  # or Excel makes numbers of what only looks like one
    table.freeze_panes = "A2"
    help_.append(["Column", "Needed", "Example", "What it is"])
    for one in columns:
        help_.append([one.header, "yes" if one.must else "", one.example, one.explanation])
    for letter, width in zip("ABCD", (28, 8, 32, 90), strict=True):
        help_.column_dimensions[letter].width = width
    for row in help_.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for sheet in (table, help_):
        for cell in sheet[1]:
            cell.font = Font(bold=True)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
