"""The media type under which `gateway send` sends a file."""

from __future__ import annotations

import pytest

from gateway.cli.send import media_type

JSON, FHIR, XML = "application/json", "application/fhir+json", "application/fhir+xml"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"kind": "referral"}', JSON),
        (b'{"resourceType": "Bundle"}', FHIR),
        (b"\xef\xbb\xbf <Bundle/>", XML),
        ("<Bundle/>".encode("utf-16"), XML),
        (b"\n<?xml", XML),
        (b"not <", JSON),
        (b"", JSON),
    ],
)
def test_a_file_goes_as_what_it_looks_like(body: bytes, expected: str) -> None:
    assert media_type(body) == expected
