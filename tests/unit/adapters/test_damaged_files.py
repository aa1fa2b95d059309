"""A damaged file is read or refused; nothing else happens."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import Refused
from adapters.inbound.files import arbor, assembly, tabular, wonde
from tests.builders import tables
from tests.unit.adapters.file_reading import EXAMPLES, SCHOOL

READERS = (tabular, arbor, assembly, wonde)
SAMPLES = [
    (reader, path.read_bytes())
    for path in sorted(EXAMPLES.iterdir())
    for reader in READERS
    if reader.recognises(path.read_bytes(), "")
]
PIECES = st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"[", b"{}", b"null", b"1e999", b"\xff"])
DAMAGE = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 30), PIECES | st.just(b"")))


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(SAMPLES), DAMAGE)
def test_a_damaged_file_is_read_or_refused(
    sample: tuple[object, bytes], damage: list[tuple[int, int, bytes]]
) -> None:
    reader, body = sample
    for at, length, piece in damage:
        body = body[:at] + piece + body[at + length :]
    reader.recognises(body, "")  # type: ignore[attr-defined]
    try:
        entries = list(reader.PARSER(body, SCHOOL, tables()))  # type: ignore[attr-defined]
    except Refused:
        return
    for entry in entries:
        assert entry.document or entry.faults or entry.notes
        assert entry.document is None or orjson.dumps(entry.document)
