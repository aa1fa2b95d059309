"""Faults as a FHIR OperationOutcome, read by what reads FHIR."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.operationoutcome import OperationOutcome as OutcomeR5
from fhir.resources.R4B.operationoutcome import OperationOutcome as OutcomeR4
from fhir.resources.STU3.operationoutcome import OperationOutcome as OutcomeSTU3

from adapters.errors import Fault
from adapters.outbound.operation_outcome import EMS, REC, STATUSES, operation_outcome
from adapters.outbound.operation_outcome import FAULTS as FAULT_ROWS
from gateway.problems import TITLES

# http://hl7.org/fhir/R4/valueset-issue-type.html; all of them but `multiple-matches` are STU3's too.
R4_ISSUE_TYPES = """
invalid structure required value invariant security login unknown expired forbidden suppressed
processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid
extension too-costly business-rule conflict transient lock-error no-store exception timeout
incomplete throttled informational
"""

FAULTS = (
    Fault("Bundle.entry[1].resource.identifier[0].value", "is not an NHS number", "nhs-number"),
    Fault("Bundle.entry[0].resource.eventCoding.code", "is not an event", "not-supported"),
    Fault("Bundle.entry[2].resource", "lacks `status`", "required"),
    Fault("Bundle", "is nested too deeply", "too-deep"),
    Fault("Bundle.entry[3].resource.birthDate", "is not a date", "format"),
    Fault("", "is wrong as a whole", "retract-reason"),
)


@pytest.mark.parametrize("status", TITLES)
@pytest.mark.parametrize("model", [OutcomeSTU3, OutcomeR4, OutcomeR5])
@pytest.mark.parametrize("faults", [(), FAULTS], ids=["whole", "each"])
@pytest.mark.parametrize("version", ["STU3", "R4"])
def test_each_answer_is_an_operation_outcome_of_every_version(
    status: int, model: Any, faults: tuple[Fault, ...], version: str
) -> None:
    outcome = operation_outcome(status, "a-code", "What is wrong.", faults, version=version)
    model.model_validate(outcome)
    assert outcome["resourceType"] == "OperationOutcome"
    assert {issue["code"] for issue in outcome["issue"]} <= set(R4_ISSUE_TYPES.split())
    assert {issue["severity"] for issue in outcome["issue"]} == {"error"}


def test_every_status_and_fault_has_a_type_that_fhir_knows() -> None:
    assert list(STATUSES) == [str(status) for status in TITLES]
    rows = [*STATUSES.values(), *FAULT_ROWS.values()]
    types = {row[name] for row in rows for name in ("issue_type", "rec_issue_type") if name in row}
    assert types <= set(R4_ISSUE_TYPES.split())


def test_in_r4_each_issue_has_the_status_in_the_words_of_booking_and_referral() -> None:
    for faults in ((), FAULTS):
        for issue in operation_outcome(422, "a", "b", faults, version="R4")["issue"]:
            assert issue["details"]["coding"] == [
                {"system": REC, "code": "REC_UNPROCESSABLE_ENTITY"}
            ]


def test_every_fault_is_an_issue_with_its_place_its_words_and_its_code() -> None:
    issues = operation_outcome(422, "not-understood", "6 things are wrong.", FAULTS)["issue"]
    assert [issue["diagnostics"] for issue in issues] == [fault.detail for fault in FAULTS]
    assert [issue["details"]["text"] for issue in issues] == [fault.code for fault in FAULTS]
    assert [issue.get("expression") for issue in issues] == [
        [fault.pointer] if fault.pointer else None for fault in FAULTS
    ]


@pytest.mark.parametrize(
    ("place", "code", "issue_type", "national"),
    [
        ("Bundle", "nhs-number", "value", "R01"),
        ("Bundle", "snomed-code", "value", "R07"),
        ("Bundle.entry[0].resource.event.code", "not-supported", "not-supported", "R09"),
        ("Bundle.entry[0].resource.eventCoding.code", "not-supported", "not-supported", "R09"),
        ("Bundle.entry[0].resource", "not-supported", "not-supported", "R09"),
        ("/kind", "not-supported", "not-supported", "R09"),
        ("Bundle.entry[0].resource.focus[1]", "not-supported", "not-supported", None),
        ("Bundle.entry[1].resource", "not-supported", "not-supported", None),
        ("Bundle", "format", "structure", "R08"),
        ("Bundle", "hostile-xml", "structure", "R08"),
        ("Bundle", "unknown-property", "structure", "R08"),
        ("Bundle", "required", "required", None),
        ("Bundle", "too-deep", "too-costly", None),
        ("Bundle", "too-large", "too-costly", None),
        ("Bundle", "postcode", "value", None),
    ],
)
def test_a_fault_carries_the_national_code_where_one_fits(
    place: str, code: str, issue_type: str, national: str | None
) -> None:
    [issue] = operation_outcome(422, code, "…", [Fault(place, "…", code)])["issue"]
    assert issue["code"] == issue_type
    codings = [(c["system"], c["code"]) for c in issue["details"].get("coding", ())]
    assert codings == ([(EMS, national)] if national else [])


def test_what_is_no_json_or_xml_is_of_an_incorrect_format() -> None:
    [issue] = operation_outcome(400, "not-well-formed", "This is not JSON.")["issue"]
    assert [coding["code"] for coding in issue["details"]["coding"]] == ["R08"]


def test_an_answer_without_faults_says_what_is_wrong_as_a_whole() -> None:
    [issue] = operation_outcome(409, "duplicate", "This id was used before.")["issue"]
    assert issue == {
        "severity": "error",
        "code": "duplicate",
        "diagnostics": "This id was used before.",
        "details": {"text": "duplicate"},
    }
