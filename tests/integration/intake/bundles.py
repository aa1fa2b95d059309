"""The Digital Child Health event Assessment Scales (FHIR STU3), as a second event of one review."""

from typing import Any

from tests.builders import a_review, changed

MESSAGE_EVENT = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-DCH-MessageEventType-1"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
CHILD, SOURCE, PRACTICE, ENCOUNTER = (
    f"urn:uuid:0000000{n}-0000-4000-8000-000000000000" for n in "1234"
)
TYPES = {"two-year-review": "0020", "early-years-progress-check": "0019"}


def a_review_without_scores(**changes: Any) -> dict[str, Any]:
    """A review in JSON, whose scores come as an event of their own."""
    return changed(a_review(**changes), "review.asq3", None)


def scores_in(event: dict[str, Any]) -> list[float]:
    """The scores that an alert shows."""
    return [score["score"] for score in event["data"]["fields"]["review"]["asq3"]["scores"]]


def assessment_scales(
    id: str,
    *,
    child: dict[str, Any],
    date: str = "2026-11-17",
    sent: str = "2026-11-17T15:20:00+00:00",
    type: str | None = None,
    event: str = "new",
    score: float = 50,
) -> dict[str, Any]:
    """A Bundle by RXA about `child` (canonical): one score, no conclusion; of no type unless given."""
    patient = {
        "resourceType": "Patient",
        "identifier": [
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": child["nhsNumber"]}
        ],
        "name": [{"use": "official", "family": child["familyName"], "given": child["givenNames"]}],
        "birthDate": child["birthDate"],
        "gender": child["sex"],
        "address": [
            {
                "use": "home",
                "line": child["address"]["lines"],
                "postalCode": child["address"]["postcode"],
            }
        ],
    }
    practice = []
    if "generalPractice" in child:
        patient["generalPractitioner"] = [{"reference": PRACTICE}]
        practice = [_entry(PRACTICE, _organisation(child["generalPractice"]))]
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "subject": {"reference": CHILD},
        "period": {"start": date},
        "serviceProvider": {"reference": SOURCE},
    }
    if type:
        encounter["type"] = [{"coding": [{"code": TYPES[type]}]}]
    header = {
        "resourceType": "MessageHeader",
        "id": id,
        "extension": [
            {
                "url": MESSAGE_EVENT,
                "valueCodeableConcept": {"coding": [{"code": event}]},
            }
        ],
        "event": {
            "system": "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEventType-1",
            "code": "CH004",
        },
        "timestamp": sent,
        "source": {"endpoint": "urn:nhs-uk:addressing:ods:RXA"},
        "responsible": {"reference": SOURCE},
        "focus": [{"reference": ENCOUNTER}],
    }
    panel = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "448615001"}]},
        "subject": {"reference": CHILD},
        "component": [
            {
                # The communication score of the 30-month questionnaire.
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": THIRTY_MONTHS}]},
                "valueQuantity": {"value": score},
            }
        ],
    }
    return {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [
            {"resource": header},
            _entry(SOURCE, _organisation("RXA")),
            _entry(CHILD, patient),
            *practice,
            _entry(ENCOUNTER, encounter),
            {"resource": panel},
        ],
    }


THIRTY_MONTHS = "953311000000105"


def _organisation(ods: str) -> dict[str, Any]:
    return {"resourceType": "Organization", "identifier": [{"system": ODS, "value": ods}]}


def _entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource}
