"""Faults as a FHIR OperationOutcome, with the national codes where one fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from adapters.errors import Fault

ISSUE_TYPES = {
    400: "structure",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    409: "duplicate",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    500: "exception",
    503: "transient",
}
"""HTTP status to FHIR issue-type (http://hl7.org/fhir/issue-type)."""

FAULT_TYPES = {
    "required": "required",
    "unknown-property": "structure",
    "not-supported": "not-supported",
    "too-deep": "too-costly",
    "format": "structure",
    "hostile-xml": "structure",
    "duplicate-property": "structure",
    "too-large": "too-costly",
}
"""Code of a fault to FHIR issue-type; any other is `value`."""

EMS = "https://fhir.nhs.uk/STU3/CodeSystem/EMS-EventMessageResponseCode-1"
EMS_CODES = {
    "nhs-number": ("R01", "Invalid NHS number format"),
    "snomed-code": ("R07", "SNOMED code does not exist"),
    "not-well-formed": ("R08", "Incorrect format"),
    "hostile-xml": ("R08", "Incorrect format"),
    "unknown-property": ("R08", "Incorrect format"),
    "duplicate-property": ("R08", "Incorrect format"),
    "format": ("R08", "Incorrect format"),
    "not-supported": ("R09", "Incorrect event"),
}
"""Code of a fault to EMS-EventMessageResponseCode-1, where one fits."""

_EVENT = re.compile(r"Bundle\.entry\[0\]\.resource(\.event(Coding)?(\.code)?)?|/kind")
"""Where a message says its event. What is not supported elsewhere is no incorrect event."""


def operation_outcome(
    status: int, code: str, detail: str, faults: Sequence[Fault] = (), *, lead: bool = False
) -> dict[str, Any]:
    """Return an OperationOutcome: an issue per fault with its FHIRPath, or one for the whole.

    `lead` puts the whole's first even where there are faults, since somebody must read it.
    """
    whole = [_issue(ISSUE_TYPES[status], code, detail)] if lead or not faults else []
    issues = [_issue(FAULT_TYPES.get(f.code, "value"), f.code, f.detail, f.pointer) for f in faults]
    return {"resourceType": "OperationOutcome", "issue": [*whole, *issues]}


def _issue(kind: str, code: str, detail: str, expression: str = "") -> dict[str, Any]:
    issue: dict[str, Any] = {"severity": "error", "code": kind, "diagnostics": detail}
    national = EMS_CODES.get(code)
    if national and (code != "not-supported" or _EVENT.fullmatch(expression)):
        coding = {"system": EMS, "code": national[0], "display": national[1]}
        issue["details"] = {"coding": [coding], "text": code}
    else:
        issue["details"] = {"text": code}
    if expression:
        issue["expression"] = [expression]
    return issue
