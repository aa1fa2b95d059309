"""Converters: a cell of a table to a value of the canonical message.

Each returns the value, or raises `Wrong` with what would be right; no sentence quotes the cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Any, get_args

from pydantic_core import PydanticCustomError

from adapters.inbound.files.build import need, provision
from adapters.inbound.files.cells import Cell, Table
from schemas import identifiers
from schemas.codes import CodeTables
from schemas.fields import choices

_EXCEL = "Excel has turned it into a number; format the column as text and type it anew"


class Wrong(Exception):
    """A cell that cannot be converted."""

    def __init__(self, detail: str, code: str = "value") -> None:
        super().__init__(detail)
        self.detail, self.code = detail, code


@dataclass(frozen=True)
class Context:
    """What a converter may need beside the cell."""

    table: Table
    tables: CodeTables
    path: str
    """Where the value goes in the canonical message."""


HISTORY = object()
"""A provision that ended before 2019."""


def text(cell: Cell, _: Context) -> str:
    """Return what a cell shows; a formula's text is only text."""
    if isinstance(cell, str) and _ERROR.fullmatch(cell):
        raise Wrong("holds an error of the spreadsheet instead of a value")
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and not math.isfinite(cell):
        raise Wrong("is not a number")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()
    return str(cell)


_ERROR = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+")


def code(cell: Cell, context: Context) -> str:
    """Return an identifier as it was typed; one that became a number has lost its digits."""
    written = text(cell, context)
    if _SCIENTIFIC.fullmatch(written) or (isinstance(cell, int | float) and abs(cell) >= 1e15):
        raise Wrong(_EXCEL, "excel-number")
    return written


def _identifier(kind: Any) -> Callable[[Cell, Context], str]:
    (reader,) = (one for one in get_args(kind) if isinstance(one, identifiers.Identifier))

    def read(cell: Cell, context: Context) -> str:
        try:
            return reader.read(code(cell, context))
        except PydanticCustomError as error:
            raise Wrong(error.message(), error.type.replace("_", "-")) from None

    return read


def lines(cell: Cell, context: Context) -> list[str]:
    """Return what semicolons or new lines set apart."""
    parts = re.split(r"[;\n\r]+", text(cell, context))
    return [part.strip() for part in parts if part.strip()]


def day(cell: Cell, context: Context) -> str:
    """Return a date as YYYY-MM-DD: from 2020-09-30, day first from 30/09/2020, from a date cell."""
    if isinstance(cell, datetime | date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        found = context.table.day(cell)
        if found is None:
            raise Wrong("is a number, and no date; write 2020-09-30 or 30/09/2020", "date")
        return found.isoformat()
    written = text(cell, context)
    if iso := _ISO.fullmatch(written):
        year, month, of_month = iso.groups()
    elif day_first := _DAY_FIRST.fullmatch(written):
        of_month, month, year = day_first.groups()
    else:
        raise Wrong("is not a date; write 2020-09-30 or, day first, 30/09/2020", "date")
    try:
        return date(int(year), int(month), int(of_month)).isoformat()
    except ValueError:
        raise Wrong("is no day of the calendar; the day stands before the month", "date") from None


_MIDNIGHT = r"(?:[ T]00:00(?::00(?:\.0+)?)?)?"
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})" + _MIDNIGHT)
_DAY_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})" + _MIDNIGHT)


def yes_no(cell: Cell, context: Context) -> bool:
    """Return yes, y, true and 1 as true; no, n, false and 0 as false."""
    try:
        return _YES_NO[text(cell, context).casefold()]
    except KeyError:
        raise Wrong("is not `yes` or `no`") from None


_YES_NO = {"yes": True, "y": True, "true": True, "1": True}
_YES_NO |= {"no": False, "n": False, "false": False, "0": False}

_SEX = {"f": "female", "m": "male", "u": "unknown", "girl": "female", "boy": "male"}


def sex(cell: Cell, context: Context) -> str:
    """Return FHIR administrative gender, from its words or the letters of school systems."""
    written = text(cell, context).casefold()
    return _one_of(_SEX.get(written, written), context.path)


def choice(cell: Cell, context: Context) -> str:
    """Return a word of a closed list, however its case, blanks and commas are written."""
    return _one_of(text(cell, context), context.path)


def several(cell: Cell, context: Context) -> list[str]:
    """Return the words of a closed list that semicolons or new lines set apart."""
    return [_one_of(one, context.path) for one in lines(cell, context)]


def _one_of(written: str, path: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", written.casefold().replace("&", " and ")).strip("-")
    known = _words_at(path)
    if word not in known:
        raise Wrong(f"is not one of {', '.join(sorted(known)).replace('-', ' ')}")
    return word


@cache
def _words_at(path: str) -> frozenset[str]:
    return choices([part for part in path.split(".") if not part.isdigit()]) or frozenset()


def sen_provision(cell: Cell, context: Context) -> Any:
    """Return N, K or E; `HISTORY` of what ended. An unknown one is a fault: none is guessed."""
    try:
        return provision(text(cell, context), context.tables) or HISTORY
    except KeyError:
        raise Wrong("is no SEN provision; write N, K (SEN support) or E (EHC plan)") from None


def sen_need(cell: Cell, context: Context) -> str:
    """Return the DfE's code of a type of need, or what was written."""
    return need(text(cell, context), context.tables)


def hours(cell: Cell, context: Context) -> float:
    """Return a number of hours."""
    try:
        number = float(text(cell, context).replace(",", "."))
    except ValueError:
        raise Wrong("is not a number of hours") from None
    if not 0 <= number <= 60:
        raise Wrong("is not a number of hours from 0 to 60")
    return number


def language(cell: Cell, context: Context) -> str:
    """Return a language's code."""
    written = text(cell, context).replace("_", "-")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", written):
        raise Wrong("is not a language's code; write en, pl or bfi")
    main, *rest = written.split("-")
    return "-".join([main.lower(), *rest])


CONVERTERS: Mapping[str, Callable[[Cell, Context], Any]] = {
    "choice": choice,
    "choices": several,
    "code": code,
    "day": day,
    "hours": hours,
    "language": language,
    "lines": lines,
    "need": sen_need,
    "nhs-number": _identifier(identifiers.NhsNumber),
    "ods": _identifier(identifiers.OdsCode),
    "postcode": _identifier(identifiers.Postcode),
    "provision": sen_provision,
    "sex": sex,
    "text": text,
    "upn": _identifier(identifiers.Upn),
    "urn": _identifier(identifiers.Urn),
    "yes-no": yes_no,
}
"""By the word in the column `convert` of a template."""
