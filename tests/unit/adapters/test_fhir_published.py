"""Each message that the standards' own makers published: taken, or refused for its true faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import pytest

from adapters.errors import NotUnderstood, NotWellFormed
from adapters.inbound import PARSERS
from tests.builders import corpus
from tests.unit.adapters.fhir_reading import TABLES

FOLDERS = {
    "dch-stu3": "Digital Child Health STU3",
    "bars-r4": "Booking and Referral Standard R4",
    "uk-core-r4": "UK Core R4",
}

TAKEN = {
    ("AssessmentScales", "CH004"): "asq3",
    ("EarlyYearsProgress", "CH010"): "earlyYearsProgress",
    ("DevelopmentalSkills", "CH020"): "developmentalSkills",
    ("PlanandRequestedActions", "CH025"): "actions",
    ("ProfessionalComment", "CH026"): "comments",
    ("Referral", "CH028"): "service",
    ("EducationalHistory", "CH032"): "educationalHistory",
}
"""File and event to the property of the review or referral that holds what the event says."""

NO_BUNDLE = {("Bundle.resourceType", "not-supported")}
NO_MESSAGE = {("Bundle.type", "not-supported"), ("Bundle.entry[0].resource", "required")}
REFUSED: dict[tuple[str, str], set[tuple[str, str]]] = {
    # In XML alone the second Organization bears the first one's id.
    ("dch-stu3/EducationalHistory.xml", "CH032"): {("Bundle.entry[5].resource.id", "value")},
    ("bars-r4/BookingRequest.json", "booking-request"): {
        ("Bundle.entry[0].resource.eventCoding.code", "not-supported")
    },
    # Asks for validation, not for a service; of a child whose number is none; on no day.
    ("bars-r4/ValidationRequest.json", "servicerequest-request"): {
        ("Bundle.entry[1].resource.category[0].coding[0]", "value"),
        ("Bundle.entry[1].resource", "required"),
        ("Bundle.entry[5].resource.identifier[0].value", "nhs-number"),
    },
    ("bars-r4/CapabilityStatement.json", "CapabilityStatement"): NO_BUNDLE,
    ("bars-r4/MessageDefinition.json", "MessageDefinition"): NO_MESSAGE,
    ("uk-core-r4/UKCore-Bundle-NEWS2Observations.xml", "Bundle of no message"): NO_MESSAGE,
    **{
        (f"uk-core-r4/UKCore-{name}.xml", "resource alone"): NO_BUNDLE
        for name in (
            "Composition-Discharge",
            "DiagnosticReport-DiagnosticStudiesReport",
            "MessageHeader-Discharge",
            "Observation-Group-FullBloodCount",
            "Organization-WhiteRoseMedicalCentre",
            "Patient-BabyPatient",
            "QuestionnaireResponse-BabyPatientSurvey",
            "ServiceRequest-ColonoscopyRequest",
        )
    },
}
NO_JSON = ("dch-stu3/Referral.json", "CH028")


def published(file: str, event: str, outcome: str, *expected: Any) -> Any:
    path = corpus(file)
    return pytest.param(
        file,
        *expected,
        id=file,
        marks=[
            pytest.mark.skipif(not path.is_file(), reason="the published messages are absent"),
            pytest.mark.conforms(
                standard=FOLDERS[PurePath(file).parts[0]],
                event=event,
                format=PurePath(file).suffix[1:].upper(),
                direction="in",
                outcome=outcome,
                real=file,
            ),
        ],
    )


def taken() -> Iterator[Any]:
    for (name, event), holds in TAKEN.items():
        for end in (".json", ".xml"):
            file = f"dch-stu3/{name}{end}"
            if (file, event) not in (*REFUSED, NO_JSON):
                yield published(file, event, "taken", event, holds)


def parse(file: str) -> Any:
    media_type = f"application/fhir+{PurePath(file).suffix[1:]}"
    return PARSERS[media_type](corpus(file).read_bytes(), TABLES)


@pytest.mark.parametrize(("file", "event", "holds"), list(taken()))
def test_what_is_published_is_understood(file: str, event: str, holds: str) -> None:
    parsed = parse(file)
    document = parsed.message.document()
    assert parsed.event == event
    assert document.get("review", document.get("referral"))[holds]


@pytest.mark.parametrize(
    ("file", "faults"), [published(*one, "refused", faults) for one, faults in REFUSED.items()]
)
def test_or_refused_for_its_true_faults_and_no_others(
    file: str, faults: set[tuple[str, str]]
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse(file)
    assert {(fault.pointer, fault.code) for fault in refused.value.faults} == faults


@pytest.mark.parametrize("file", [published(*NO_JSON, "refused")])
def test_or_told_where_it_is_no_json(file: str) -> None:
    with pytest.raises(NotWellFormed) as refused:
        parse(file)
    assert (refused.value.line, refused.value.column) == (243, 11), "a key should stand here"
