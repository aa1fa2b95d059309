"""Faults as a FHIR OperationOutcome, with the national codes where one fits."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from adapters.errors import Fault

EMS = "https://fhir.nhs.uk/STU3/CodeSystem/EMS-EventMessageResponseCode-1"
REC = "https://fhir.nhs.uk/Codesystem/http-error-codes"


def _table(name: str) -> dict[str, dict[str, str]]:
    """Read a CSV beside this module: its rows by their first column."""
    rows = csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines())
    return {next(iter(row.values())): row for row in rows}


STATUSES = _table("outcome_statuses.csv")
"""By HTTP status: FHIR's issue-type, and the code and issue-type with which a receiver of the Booking
and Referral Standard answers."""
FAULTS = _table("outcome_faults.csv")
"""By a fault's code: FHIR's issue-type, `value` where it has no row, and the code of Digital Child
Health, where one fits."""

_EVENT = re.compile(r"Bundle\.entry\[0\]\.resource(\.event(Coding)?(\.code)?)?|/kind")
"""Where a message says its event. What is not supported elsewhere is no incorrect event."""


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
    row, of_rec = STATUSES[str(status)], version == "R4"
    kind, rec = (row["rec_issue_type"], row["rec_code"]) if of_rec else (row["issue_type"], "")
    whole = [_issue(kind, code, detail, "", rec)] if lead or not faults else []
    issues = [_issue(_issue_type(f.code), f.code, f.detail, f.pointer, rec) for f in faults]
    return {"resourceType": "OperationOutcome", "issue": [*whole, *issues]}


def _issue_type(fault: str) -> str:
    return FAULTS[fault]["issue_type"] if fault in FAULTS else "value"


def _issue(kind: str, code: str, detail: str, expression: str, rec: str) -> dict[str, Any]:
    details: dict[str, Any] = {"text": code}
    if rec:
        details["coding"] = [{"system": REC, "code": rec}]
    elif national := _national(code, expression):
        details["coding"] = [national]
    issue = {"severity": "error", "code": kind, "diagnostics": detail, "details": details}
    return issue | ({"expression": [expression]} if expression else {})


def _national(code: str, expression: str) -> dict[str, str] | None:
    row = FAULTS.get(code, {})
    if not row.get("ems_code") or (code == "not-supported" and not _EVENT.fullmatch(expression)):
        return None
    return {"system": EMS, "code": row["ems_code"], "display": row["ems_display"]}
