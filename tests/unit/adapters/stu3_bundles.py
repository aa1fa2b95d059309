"""Messages of Digital Child Health, in both generations; Assessment Scales in both shapes."""

from __future__ import annotations

from typing import Any

from tests.unit.adapters.fhir_reading import example, resource

Json = dict[str, Any]

NHS = "https://fhir.nhs.uk/STU3"
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


PLACES = 8
"""Entries of every sample: header, organisations, child, encounter, practitioner, place."""


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
    shell = example("stu3/CH020.json")
    del shell["entry"][PLACES:]
    header, encounter = (resource(shell, kind) for kind in ("MessageHeader", "Encounter"))
    [said] = header["extension"]
    said["url"] = f"{NHS}/StructureDefinition/{url}"
    said["valueCodeableConcept"]["coding"] = [what]
    header |= {"event": code, "timestamp": sent} | ({"id": id} if id else {})
    shell["entry"][0]["fullUrl"] = HEADER
    if encounter_type:
        encounter["type"][0]["coding"][0]["code"] = encounter_type
    else:
        del encounter["type"]
    shell["entry"] += [
        {"fullUrl": f"{PANEL[:-2]}{number}", "resource": one}
        for number, one in enumerate(payload, start=20)
    ]
    return shell


def payload_of(event: str) -> list[Json]:
    """Return what the sample of an event is about: all beside header, child, encounter and sender."""
    return [entry["resource"] for entry in example(f"stu3/{event}.json")["entry"][PLACES:]]
