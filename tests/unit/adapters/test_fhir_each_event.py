"""Every FHIR event in JSON and XML: taken alike, an unknown code carried, a wrong number refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from adapters.errors import NotUnderstood
from adapters.inbound import PARSERS, Parsed
from adapters.outbound.fhir_xml import to_xml
from tests.conformance import conforms
from tests.unit.adapters.fhir_reading import TABLES, example
from tests.unit.adapters.stu3_bundles import SLUGS

STU3, R4, BARS = "Digital Child Health STU3", "UK Core R4", "Booking and Referral Standard R4"
SAMPLES = {
    "r4/review.json": (R4, "healthy-child-review: Observations"),
    "r4/review-questionnaire.json": (R4, "healthy-child-review: QuestionnaireResponse"),
    "r4/report.json": (R4, "speech-therapy-report: DiagnosticReport"),
    "r4/report-composition.json": (R4, "speech-therapy-report: Composition"),
    "r4/notice.json": (R4, "sen-support-notice: QuestionnaireResponse"),
    "r4/notice-condition.json": (R4, "sen-support-notice: Flag and Condition"),
    "r4/referral.json": (R4, "referral: ServiceRequest"),
    "bars/servicerequest-request.json": (BARS, "servicerequest-request"),
    **{f"stu3/{code}.json": (STU3, code) for code in SLUGS},
}
FORMATS = {"JSON": "application/fhir+json", "XML": "application/fhir+xml"}
HOLDS_NO_CODE = frozenset({"r4/notice.json", "r4/report-composition.json"})
"""Shapes in which nothing is a code of an open list."""
UNKNOWN = "1199999999997"
CODE = {"coding": [{"system": "http://snomed.info/sct", "code": UNKNOWN}]}
CARRIES: dict[str, Callable[[Any], Any]] = {
    "Encounter": lambda resource: resource.update(type=[CODE]),
    "ReferralRequest": lambda resource: resource.update(reasonCode=[CODE]),
    "ServiceRequest": lambda resource: resource.update(reasonCode=[CODE]),
    "DiagnosticReport": lambda resource: resource.update(conclusionCode=[CODE]),
    "Condition": lambda resource: resource.update(code=CODE),
}
"""Where a resource holds a code of an open list."""


def parsed(bundle: Any, format: str) -> Parsed:
    version = "STU3" if "event" in bundle["entry"][0]["resource"] else "R4"
    body = orjson.dumps(bundle) if format == "JSON" else to_xml(bundle, version)
    return PARSERS[FORMATS[format]](body, TABLES)


def cases(outcome: str, without: frozenset[str] = frozenset()) -> Iterator[Any]:
    for name, (standard, event) in SAMPLES.items():
        for format in FORMATS:
            mark = conforms(standard, event, outcome, format=format)
            if name not in without:
                yield pytest.param(name, format, marks=mark, id=f"{event}-{format}")


@pytest.mark.parametrize(("name", "format"), [*cases("taken")])
def test_each_event_is_taken_alike_in_either_format(name: str, format: str) -> None:
    bundle = example(name)
    message = parsed(bundle, format)
    other = parsed(bundle, "XML" if format == "JSON" else "JSON")
    assert message == other
    assert message.canonical == other.canonical


@pytest.mark.parametrize(("name", "format"), [*cases("carried", HOLDS_NO_CODE)])
def test_an_unknown_code_is_carried_word_for_word(name: str, format: str) -> None:
    bundle = example(name)
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        if kind in CARRIES and not (kind == "Encounter" and name == "stu3/CH028.json"):
            CARRIES[kind](entry["resource"])
    message = parsed(bundle, format)
    assert UNKNOWN in {code.code for code in message.unmapped}
    assert UNKNOWN.encode() in message.canonical


@pytest.mark.parametrize(("name", "format"), [*cases("refused")])
def test_a_wrong_nhs_number_is_refused_at_its_place(name: str, format: str) -> None:
    bundle = example(name)
    for index, entry in enumerate(bundle["entry"]):
        if entry["resource"]["resourceType"] == "Patient":
            numbers = entry["resource"]["identifier"]
            [place] = [i for i, one in enumerate(numbers) if one["system"].endswith("/nhs-number")]
            numbers[place]["value"] = "9990000000"
            wanted = f"Bundle.entry[{index}].resource.identifier[{place}].value"
    with pytest.raises(NotUnderstood) as refused:
        parsed(bundle, format)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        (wanted, "nhs-number")
    ]
    assert "9990000000" not in str(refused.value)
