"""What each event of Digital Child Health is about: the resources beside header, child, encounter."""

from __future__ import annotations

from typing import Any

from tests.unit.adapters.stu3_bundles import (
    COMMUNICATION_30,
    ENCOUNTER,
    NHS,
    ODS,
    PATIENT,
    PRACTITIONER,
    SLUGS,
    SNOMED,
    TRUST,
    Json,
    a_panel,
    coding,
    payload_of,
    refer,
)

LOOKED_AFTER, PROTECTION_PLAN = "764841000000100", "1064311000000109"
SCHOOL = {
    "resourceType": "Organization",
    "id": "school",
    "identifier": [{"system": ODS, "value": "EE199901"}],
    "name": "Little Acorns Example Nursery",
}


def about(kind: str, **elements: Any) -> Json:
    """Return a resource about the child, of the encounter."""
    return {
        "resourceType": kind,
        "subject": refer(PATIENT),
        "context": refer(ENCOUNTER),
        **elements,
    }


def concept(name: str, code: str, display: str | None = None) -> Json:
    """Return a CodeableConcept of a code system of Digital Child Health, or of SNOMED CT."""
    system = name if name == SNOMED else f"{NHS}/CodeSystem/DCH-{name}-1"
    return {"coding": [coding(system, code, display)]}


def a_form(**answers: Any) -> Json:
    """Return a QuestionnaireResponse: linkId to its value, a string or `{valueX: …}`."""
    return about(
        "QuestionnaireResponse",
        status="completed",
        author=refer(PRACTITIONER),
        item=[
            {
                "linkId": link,
                "answer": [value if isinstance(value, dict) else {"valueString": value}],
            }
            for link, value in answers.items()
        ],
    )


def a_coded(name: str, code: str, display: str | None = None) -> Json:
    return {"valueCoding": concept(name, code, display)["coding"][0]}


def early_years_progress(consent: str = "Y", link: str = "supportRequestedOrProvided") -> Json:
    return a_form(
        parentalConsent=a_coded("ParentalConsentToShareInformation", consent),
        communicationAndLanguage="Uses single words",
        physicalDevelopment="Climbs and runs",
        personalSocialEmotionalDevelopment="Plays beside others",
        areasOfConcern="Few words for her age",
        **{link: "A talking group"},
    )


def developmental_skill(result: str = "1093061000000108", **elements: Any) -> Json:
    [skill] = payload_of("CH020")
    skill["stage"]["summary"]["coding"][0]["code"] = result
    return skill | elements


def educational_history(**changes: Any) -> Json:
    form = a_form(
        **{
            "educationalEstablishment": {"valueReference": refer("#school")},
            "educationalEstablishmentType": a_coded("EducationalEstablishmentType", "1"),
            "educationalEstablishmentStart": {"valueDate": "2026"},
            "educationalEstablishmentEnd": {"valueDate": "2028"},
            "educationalAssessmentOutcome": a_coded("EducationalAssessmentOutcome", "5"),
            "specialEducationalNeedType": a_coded("SpecialEducationalNeed", "4", "Speech"),
            **changes,
        }
    )
    return form | {"contained": [SCHOOL]}


def a_communication(words: str, **elements: Any) -> Json:
    payload = [{"contentString": words}]
    return about(
        "Communication", status="completed", sent="2026-11-18", payload=payload, **elements
    )


def parents_comment(relationship: str = "BPM") -> Json:
    [comment] = payload_of("CH022")
    comment["contained"][0]["relationship"]["coding"][0]["code"] = relationship
    return comment


def plan() -> Json:
    return payload_of("CH025")[0]


def professional_contact(status: str = "active") -> Json:
    return payload_of("CH027")[0] | {"status": status}


def an_observation(code: str | None, text: str | None = None, **elements: Any) -> Json:
    concept = {"coding": [coding(SNOMED, code)]} if code else {"text": text}
    return about("Observation", status="final", code=concept, **elements)


def safety_alert(risk: str = "Risk from others") -> Json:
    return payload_of("CH029")[0] | {"code": {"text": risk}}


def legal_fact(code: str = PROTECTION_PLAN, **period: str) -> Json:
    return an_observation(code, effectivePeriod=period or {"start": "2026-02-01"})


def a_referral(
    service: str = "308452008", reason: str = "62", identifier: str | None = "R-1", **elements: Any
) -> Json:
    stated = {"identifier": [{"system": "https://sender.example", "value": identifier}]}
    return about(
        "ReferralRequest",
        **(stated if identifier else {}),
        **{
            "extension": [
                {
                    "url": f"{NHS}/StructureDefinition/Extension-DCH-SourceOfReferral-1",
                    "valueCodeableConcept": concept("SourceOfReferral", "7"),
                }
            ],
            "status": "active",
            "intent": "proposal",
            "priority": "routine",
            "serviceRequested": [{"coding": [coding(SNOMED, service, "A service")]}],
            "authoredOn": "2026-11-18",
            "requester": {"agent": refer(PRACTITIONER), "onBehalfOf": refer(TRUST)},
            "reasonCode": [concept("ReasonForReferral", reason, "A reason")],
            "note": [{"text": "Rhymes were tried"}],
            **elements,
        },
    )


def asq_se2(shape: str = "B", score: float = 70, code: str = "1054021000000105") -> Json:
    """Return the total of the 30-month ASQ:SE-2, in either shape."""
    value = {"valueQuantity": {"value": score}}
    if shape == "A":
        return an_observation(code, **value)
    component = [{"code": {"coding": [coding(SNOMED, code)]}, **value}]
    return an_observation("443222000", component=component)


PAYLOADS: dict[str, list[Json]] = {
    **{event: payload_of(event) for event in SLUGS},
    "CH004": [a_panel({COMMUNICATION_30: 25}, "A")],
    "CH010": [early_years_progress()],
    "CH028": [a_referral()],
    "CH032": [educational_history()],
}
"""One of each event."""
