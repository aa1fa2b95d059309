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


REC = "https://fhir.nhs.uk/Codesystem/http-error-codes"
REC_CODES = {
    400: ("REC_BAD_REQUEST", "invalid"),
    401: ("REC_UNAUTHORIZED", "forbidden"),
    403: ("REC_FORBIDDEN", "forbidden"),
    404: ("REC_NOT_FOUND", "not-found"),
    405: ("REC_BAD_REQUEST", "not-supported"),
    406: ("REC_NOT_ACCEPTABLE", "processing"),
    409: ("REC_CONFLICT", "duplicate"),
    413: ("REC_UNPROCESSABLE_ENTITY", "too-costly"),
    415: ("REC_BAD_REQUEST", "not-supported"),
    422: ("REC_UNPROCESSABLE_ENTITY", "not-supported"),
    500: ("REC_SERVER_ERROR", "exception"),
    503: ("REC_SERVICE_UNAVAILABLE", "transient"),
}
"""HTTP status to the code of http-error-codes with which a receiver of the Booking and Referral
Standard answers, and to the issue-type that stands with it there."""


def operation_outcome(
    status: int,
    code: str,
    detail: str,
    faults: Sequence[Fault] = (),
    *,
    lead: bool = False,
    version: str = "STU3",
) -> dict[str, Any]:
    """Return an OperationOutcome: an issue per fault with its FHIRPath, or one for the whole.

    `lead` puts the whole's first even where there are faults, since somebody must read it.
    `version`: STU3 carries the codes of Digital Child Health, R4 those of Booking and Referral.
    """
    rec, kind = REC_CODES[status] if version == "R4" else (None, ISSUE_TYPES[status])
    whole = [_issue(kind, code, detail, rec=rec)] if lead or not faults else []
    issues = [
        _issue(FAULT_TYPES.get(f.code, "value"), f.code, f.detail, f.pointer, rec) for f in faults
    ]
    return {"resourceType": "OperationOutcome", "issue": [*whole, *issues]}


def _issue(
    kind: str, code: str, detail: str, expression: str = "", rec: str | None = None
) -> dict[str, Any]:
    issue: dict[str, Any] = {"severity": "error", "code": kind, "diagnostics": detail}
    national = EMS_CODES.get(code)
    if rec:
        issue["details"] = {"coding": [{"system": REC, "code": rec}], "text": code}
    elif national and (code != "not-supported" or _EVENT.fullmatch(expression)):
        coding = {"system": EMS, "code": national[0], "display": national[1]}
        issue["details"] = {"coding": [coding], "text": code}
    else:
        issue["details"] = {"text": code}
    if expression:
        issue["expression"] = [expression]
    return issue
