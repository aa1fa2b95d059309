"""Faults as a FHIR OperationOutcome, with the national codes where one fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.errors import Fault

ISSUE_TYPES = {
    400: "structure",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
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
}
"""Code of a fault to FHIR issue-type; any other is `value`."""

EMS = "https://fhir.nhs.uk/STU3/CodeSystem/EMS-EventMessageResponseCode-1"
EMS_CODES = {
    "nhs-number": ("R01", "Invalid NHS number format"),
    "not-supported": ("R09", "Incorrect event"),
    "format": ("R08", "Incorrect format"),
}
"""Code of a fault to EMS-EventMessageResponseCode-1, where one fits."""


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
    if national:
        coding = {"system": EMS, "code": national[0], "display": national[1]}
        issue["details"] = {"coding": [coding], "text": code}
    else:
        issue["details"] = {"text": code}
    if expression:
        issue["expression"] = [expression]
    return issue
