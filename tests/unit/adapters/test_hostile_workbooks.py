"""Workbooks that mean harm end in a refusal, quickly and in little memory."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from collections.abc import Callable

import pytest

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from adapters.inbound.files import cells, tabular
from tests.builders import tables
from tests.unit.adapters.file_reading import SCHOOL, a_workbook, example, taken

ROW = example("sen-support-notice")
GOOD = a_workbook(list(ROW), list(ROW.values()))
SHEET = "xl/worksheets/sheet1.xml"
HEAD = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<dimension ref="A1:XFD1048576"/><sheetData>'
)
TAIL = "</sheetData></worksheet>"
BILLION = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY f SYSTEM "file:///etc/passwd">]>'
)


def with_part(name: str, text: str | bytes, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a workbook of which one part is another."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(GOOD)) as old,
        zipfile.ZipFile(written, "w", how) as new,
    ):
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, text)
    return written.getvalue()


def without(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(written, "w") as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
    return written.getvalue()


def sheet(inner: str, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    return with_part(SHEET, HEAD + inner + TAIL, how)


def with_lies_about_sizes() -> bytes:
    """Each part says in both of its headers that it unfolds to one byte."""
    body = bytearray(GOOD)
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = body.find(mark)
        while at >= 0:
            body[at + offset : at + offset + 4] = struct.pack("<I", 1)
            at = body.find(mark, at + 4)
    return bytes(body)


STORED = zipfile.ZIP_STORED
LARGE, UNFOLDS, CELLS = "rows or 500000 cells", "unfolds to more than", "1000 in a row"
DTD, BROKEN = "document type", "no"
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a part that unfolds a thousandfold": (UNFOLDS, lambda: sheet(" " * 20_000_000)),
    "parts that are much together": (
        UNFOLDS,
        lambda: with_part("xl/media/a.bin", b"\0" * 70_000_000, STORED),
    ),
    "a million empty cells in a row": (
        CELLS,
        lambda: sheet("<row>" + "<c/>" * 1_000_000 + "</row>", STORED),
    ),
    "more cells than are read": (
        CELLS,
        lambda: sheet(("<row>" + "<c/>" * 900 + "</row>") * 3000, STORED),
    ),
    "cells at the far corner": (
        LARGE,
        lambda: sheet(
            '<row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        ),
    ),
    "a row beyond any sheet": (
        LARGE,
        lambda: sheet('<row r="99999999999999"><c><v>1</v></c></row>'),
    ),
    "a row number that is none": (
        BROKEN,
        lambda: sheet(f'<row r="{"9" * 5000}"><c><v>1</v></c></row>'),
    ),
    "wide rows": (
        LARGE,
        lambda: sheet(
            "".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in range(1, 3000))
        ),
    ),
    "entities": (DTD, lambda: with_part(SHEET, BILLION + HEAD + TAIL)),
    "an external entity in the shared strings": (
        DTD,
        lambda: with_part("xl/sharedStrings.xml", BILLION + "<sst>&f;</sst>"),
    ),
    "entities in UTF-16": (
        DTD,
        lambda: with_part(
            SHEET, (BILLION.replace("?>", ' encoding="UTF-16"?>', 1)).encode("utf-16")
        ),
    ),
    "an end that is missing": (BROKEN, lambda: GOOD[: len(GOOD) // 2]),
    "a beginning and nothing": (BROKEN, lambda: b"PK\x03\x04"),
    "another archive": ("no .xlsx workbook", lambda: without("xl/workbook.xml")),
    "no sheet": (BROKEN, lambda: without(SHEET)),
    "sizes that lie": (BROKEN, with_lies_about_sizes),
    "broken XML": (BROKEN, lambda: with_part(SHEET, HEAD + "<row><c>")),
    "deep nesting": ("deep", lambda: sheet("<x>" * 200_000 + "</x>" * 200_000, STORED)),
    "shared strings that are not there": (
        BROKEN,
        lambda: sheet('<row r="1"><c r="A1" t="s"><v>9999999</v></c></row>'),
    ),
}


@pytest.mark.conforms(
    standard="XLSX", event="hostile workbook", format="XLSX", direction="in", outcome="refused"
)
@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_workbook_is_refused_quickly(name: str) -> None:
    says, build = BOMBS[name]
    body = build()
    begun = time.process_time()
    with pytest.raises((NotUnderstood, NotWellFormed)) as error:
        list(tabular.PARSER(body, SCHOOL, tables()))
    assert time.process_time() - begun < 5
    assert says in str(error.value)
    assert "root:" not in str(error.value)


def test_a_dimension_that_lies_loses_nothing() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        text = archive.read(SHEET).decode()
    start = text.index("<dimension")
    end = text.index("/>", start) + 2
    for lie in ("A1:A1", "A1:XFD1048576"):
        body = with_part(SHEET, text[:start] + f'<dimension ref="{lie}"/>' + text[end:])
        (entry,) = tabular.PARSER(body, SCHOOL, tables())
        assert taken(entry).child.family_name == "Eaton"


def test_an_empty_last_row_is_borne_as_some_spreadsheets_write_it() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        text = archive.read(SHEET).decode()
    last = '<row r="1048576" ht="12.8"><c r="A1048576" s="0"/></row></sheetData>'
    body = with_part(SHEET, text.replace("</sheetData>", last))
    (entry,) = tabular.PARSER(body, SCHOOL, tables())
    assert taken(entry).child.family_name == "Eaton"


def test_a_second_sheet_with_a_table_is_not_lost() -> None:
    body = a_workbook(list(ROW), list(ROW.values()), Spring=[list(ROW), list(ROW.values())])
    with pytest.raises(NotUnderstood, match="sheet 2"):
        tabular.PARSER(body, SCHOOL, tables())
    other = a_workbook(list(ROW), list(ROW.values()), Help=[["Anything", "else"]])
    assert len(list(tabular.PARSER(other, SCHOOL, tables()))) == 1


@pytest.mark.parametrize("prefix", [b"PK", b"", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"UPN,"])
def test_noise_is_refused_or_read_and_nothing_else(prefix: bytes) -> None:
    noise = bytes(range(256)) * 40
    with pytest.raises(Refused):
        list(tabular.PARSER(prefix + noise, SCHOOL, tables()))
    tabular.recognises(prefix + noise, "")


def test_bounds_are_what_the_page_says() -> None:
    assert (cells.MOST_ROWS, cells.MOST_CELLS) == (50_000, 500_000)
