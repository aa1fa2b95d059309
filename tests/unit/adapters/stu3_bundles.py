"""Messages of Digital Child Health, in both generations; Assessment Scales in both shapes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

NHS = "https://fhir.nhs.uk/STU3"
CARE_CONNECT = "https://fhir.hl7.org.uk/STU3"
SNOMED = "http://snomed.info/sct"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"

SLUGS = {
    "CH004": "assessment-scales-1",
    "CH010": "early-years-progress-1",
    "CH016": "individual-requirements-1",
    "CH020": "developmental-skills-1",
    "CH022": "parent-guardian-or-personal-comment-1",
    "CH025": "plan-and-requested-actions-1",
    "CH026": "professional-summary-1",
    "CH027": "professional-contacts-1",
    "CH028": "referral-1",
    "CH029": "safety-alerts-1",
    "CH032": "educational-history-1",
    "CH033": "legal-information-1",
}
"""The code of each event in the first generation to that in the second."""

COMMUNICATION_30, GROSS_MOTOR_30 = "953311000000105", "953331000000102"

HEADER, TRUST, PRACTICE, PATIENT, ENCOUNTER, PRACTITIONER, ROLE, PANEL, PLACE = (
    f"urn:uuid:7b1f3d0c-9d3b-4c55-8a52-0000000000{number:02d}" for number in range(1, 10)
)


def coding(system: str, code: str, display: str | None = None) -> Json:
    found = {"system": system, "code": code}
    return found | ({"display": display} if display else {})


def refer(to: str) -> Json:
    return {"reference": to}


def a_score(code: str, score: float) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"score-{code}",
        "status": "final",
        "code": {"coding": [coding(SNOMED, code)]},
        "subject": refer(PATIENT),
        "context": refer(ENCOUNTER),
        "performer": [refer(PRACTITIONER)],
        "valueQuantity": {"value": score},
    }


def a_panel(scores: dict[str, float], shape: str) -> Json:
    """Return the ASQ-3 panel: shape `A` with contained Observations, `B` with components."""
    panel: Json = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding(SNOMED, "716619000" if shape == "A" else "448615001")]},
        "subject": refer(PATIENT),
        "context": refer(ENCOUNTER),
        "performer": [refer(PRACTITIONER)],
    }
    if shape == "A":
        panel["contained"] = [a_score(code, score) for code, score in scores.items()]
        panel["related"] = [
            {"type": "derived-from", "target": refer(f"#score-{code}")} for code in scores
        ]
    else:
        panel["component"] = [
            {"code": {"coding": [coding(SNOMED, code)]}, "valueQuantity": {"value": score}}
            for code, score in scores.items()
        ]
    return panel


def a_review(
    *,
    scores: dict[str, float] | None = None,
    shape: str = "A",
    action: str = "new",
    generation: int = 1,
    encounter_type: str | None = "0020",
) -> Json:
    """Return an Assessment Scales message about a synthetic child of Chester, 30 months old."""
    panel = a_panel({COMMUNICATION_30: 25} if scores is None else scores, shape)
    return an_event(
        "CH004", [panel], action=action, generation=generation, encounter_type=encounter_type
    )


def an_event(
    event: str,
    payload: list[Json],
    *,
    action: str = "new",
    generation: int = 1,
    encounter_type: str | None = "0020",
    sent: str = "2026-11-18T15:00:00+00:00",
    id: str | None = None,
) -> Json:
    """Return a message of an event, `CH004`, with what it is about; a payload may have a fullUrl."""
    if generation == 1:
        code = coding(f"{NHS}/CodeSystem/DCH-ChildHealthEventType-1", event)
        url, system = "Extension-DCH-MessageEventType-1", "DCH-MessageEventType-1"
    else:
        code = coding(f"{NHS}/CodeSystem/EventType-1", SLUGS[event])
        url, system = "Extension-MessageEventType-1", "MessageEventType-1"
    what = coding(f"{NHS}/CodeSystem/{system}", action)
    header = {
        "resourceType": "MessageHeader",
        "extension": [
            {
                "url": f"{NHS}/StructureDefinition/{url}",
                "valueCodeableConcept": {"coding": [what]},
            }
        ],
        "event": code,
        "destination": [{"endpoint": "urn:nhs:addressing:asid:477121000325"}],
        "timestamp": sent,
        "source": {"endpoint": "urn:nhs-uk:addressing:ods:RXA"},
        "responsible": refer(TRUST),
        "focus": [refer(ENCOUNTER)],
    }
    status = coding(f"{CARE_CONNECT}/CodeSystem/CareConnect-NHSNumberVerificationStatus-1", "01")
    patient = {
        "resourceType": "Patient",
        "identifier": [
            {
                "extension": [
                    {
                        "url": f"{CARE_CONNECT}/StructureDefinition/Extension-CareConnect-"
                        "NHSNumberVerificationStatus-1",
                        "valueCodeableConcept": {"coding": [status]},
                    }
                ],
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": "9990002053",
            }
        ],
        "name": [{"use": "official", "family": "Handbridge", "given": ["Tess", "Mary"]}],
        "gender": "female",
        "birthDate": "2024-05-10",
        "address": [
            {"use": "home", "line": ["9 Example Wharf"], "city": "Chester", "postalCode": "CH1 0ZZ"}
        ],
        "generalPractitioner": [refer(PRACTICE)],
    }
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "subject": refer(PATIENT),
        "period": {"start": "2026-11-18"},
        "location": [{"location": refer(PLACE)}],
        "serviceProvider": refer(TRUST),
    }
    if encounter_type:
        kind = coding(f"{NHS}/CodeSystem/DCH-ChildHealthEncounterType-1", encounter_type)
        encounter["type"] = [{"coding": [kind]}]
    if id:
        header["id"] = id
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": refer(PRACTITIONER),
        "organization": refer(TRUST),
        "code": [
            {
                "coding": [
                    coding(
                        f"{NHS}/CodeSystem/DCH-ProfessionalType-1",
                        "330",
                        "Specialist Community Public Health Nurse - Health Visitor",
                    )
                ]
            }
        ],
        "telecom": [{"system": "phone", "value": "01244 000101"}],
    }
    resources = {
        HEADER: header,
        TRUST: {
            "resourceType": "Organization",
            "identifier": [{"system": ODS, "value": "RXA"}],
            "name": "Cheshire and Wirral Partnership NHS Foundation Trust",
        },
        PRACTICE: {
            "resourceType": "Organization",
            "identifier": [{"system": ODS, "value": "N81991"}],
            "name": "Rows Example Surgery",
        },
        PATIENT: patient,
        ENCOUNTER: encounter,
        PRACTITIONER: {
            "resourceType": "Practitioner",
            "name": [{"family": "Marsh", "given": ["Helen"]}],
        },
        ROLE: role,
        PLACE: {"resourceType": "Location", "name": "Example Children's Centre"},
    }
    return {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"fullUrl": url, "resource": one} for url, one in resources.items()]
        + [
            {"fullUrl": f"{PANEL[:-2]}{number}", "resource": one}
            for number, one in enumerate(payload, start=20)
        ],
    }
