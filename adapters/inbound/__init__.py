"""Inbound adapters: bytes to the canonical message, chosen by media type and shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.inbound import fhir, json
from adapters.inbound.parsed import Parsed
from schemas.codes import CodeTables

Parser = Callable[[bytes, CodeTables], Parsed]
"""Raises `adapters.errors.Refused`."""

PARSERS: Mapping[str, Parser] = {
    "application/json": json.parse,
    "application/fhir+json": fhir.parse,
    "application/fhir+xml": fhir.parse_xml,
}
"""Media type to parser. A further format is one module and one row."""

__all__ = ["PARSERS", "Parsed", "Parser"]
