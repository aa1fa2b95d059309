"""`multipart/form-data`: parts byte for byte, and what is no such thing is refused."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.files.multipart import NotMultipart, parts_of

HOSTILE = st.one_of(st.binary(max_size=200), st.sampled_from([b"\r\n", b"--b", b"\r\n--", b"\0"]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.binary(max_size=50))
def test_what_a_client_sends_comes_out_byte_for_byte(file: bytes, statement: bytes) -> None:
    sent = httpx.Request(
        "POST",
        "http://gateway/files",
        files={
            "file": ("a name.xml", file, "application/xml"),
            "statement": (None, statement, "application/json"),
        },
    )
    assert parts_of(sent.read(), sent.headers["content-type"]) == {
        "file": (file, "application/xml"),
        "statement": (statement, "application/json"),
    }


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(HOSTILE, max_size=6).map(b"".join))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        parts = parts_of(body, "multipart/form-data; boundary=b")
    except NotMultipart:
        return
    assert all(isinstance(name, str) for name in parts)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny',
            "multipart/form-data; boundary=b",
        ),
        (b"--b\r\nContent-Type: text/csv\r\n\r\ny\r\n--b--", "multipart/form-data; boundary=b"),
        (b"--b\r\n" * 20 + b"--b--", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\n\r\n--b--", "multipart/form-data; boundary*0=b; boundary*=b"),
        (
            b"--b\r\nContent-Disposition: form-data; name*0=x; name*=y\r\n\r\nz\r\n--b--",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_what_is_no_multipart_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(NotMultipart):
        parts_of(body, content_type)
