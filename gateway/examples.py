"""Finds the examples: beside the code in a checkout, within the package where it is installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_examples"
EXAMPLES = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "examples"
AREA = EXAMPLES / "cheshire-west-and-chester"
MESSAGES = EXAMPLES / "messages"
FILES = EXAMPLES / "files"
FHIR = EXAMPLES / "fhir"

SUPPLIER = "ods:8Z921"
SPEAKS_FOR = ("ods:RXA", "ods:RBT", "urn:199901", "urn:199902")
"""A supplier of the example area, and the two trusts and two schools whose samples it may send."""
