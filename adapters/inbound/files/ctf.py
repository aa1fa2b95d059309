"""The DfE's Common Transfer File (CTF), and its sister for admissions (ATF)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adapters.inbound.files import Entry, Upload
from schemas.codes import CodeTables

_BEGINNING = 4096
_ROOT = re.compile(rb"<(?:[\w.-]+:)?(CTfile|ATfile)[\s>/]")


def recognises(body: bytes, media_type: str) -> bool:
    """Tell a CTF or ATF by the local name of its root, in whatever encoding it comes."""
    beginning = body[:_BEGINNING].replace(b"\0", b"")
    return b"<" in beginning and bool(_ROOT.search(beginning))


def parse(body: bytes, upload: Upload, tables: CodeTables) -> Iterator[Entry]:
    """Yield an entry for each pupil. Raises Refused where the file as a whole cannot be read."""
    yield from ()
