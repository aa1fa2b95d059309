"""How the FHIR tests read: a Bundle as a message, or as its faults."""

from __future__ import annotations

import json
from typing import Any

from adapters.errors import NotUnderstood
from adapters.inbound import fhir
from adapters.inbound.parsed import Parsed
from gateway.examples import FHIR as EXAMPLES
from gateway.tables import load_tables

BASE = "https://fhir.gateway.example"
SNOMED = "http://snomed.info/sct"
TABLES = load_tables()

SAMPLES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.json"))
"""Names of the samples: `stu3/CH004.json`."""


def read(bundle: Any) -> Parsed:
    return fhir.parse(json.dumps(bundle).encode(), TABLES)


def faults(bundle: Any) -> dict[str, tuple[str, str]]:
    """Return the faults of a Bundle that must have some: pointer to code and detail."""
    try:
        read(bundle)
    except NotUnderstood as refused:
        return {fault.pointer: (fault.code, fault.detail) for fault in refused.faults}
    raise AssertionError("the message was taken")


def example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def resource(bundle: Any, kind: str, number: int = 0) -> Any:
    """Return a resource of a Bundle by its type."""
    found = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in found if one["resourceType"] == kind][number]


def place(bundle: Any, kind: str, number: int = 0) -> str:
    """Return the FHIRPath of a resource of a Bundle by its type."""
    found = [
        f"Bundle.entry[{i}].resource"
        for i, entry in enumerate(bundle["entry"])
        if entry["resource"]["resourceType"] == kind
    ]
    return found[number]


def extension(node: Any, name: str) -> Any:
    """Return an extension of ours, by its name."""
    url = f"{BASE}/StructureDefinition/{name}"
    return next(one for one in node["extension"] if one["url"] == url)
