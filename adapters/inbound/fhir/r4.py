"""FHIR R4 on UK Core: review, report, SEN notice and referral, each in the shapes that it has."""

from adapters.inbound.fhir.convert import BASE, CONVERTERS
from adapters.inbound.fhir.profile import Event, Profile, load_tables
from schemas.message import BODY, Kind

_TYPES = """Composition Condition Consent DiagnosticReport Encounter Flag HealthcareService
    Location MessageHeader Observation Organization Patient Practitioner PractitionerRole
    QuestionnaireResponse RelatedPerson ServiceRequest"""

_SHAPES: dict[Kind, dict[str, str]] = {
    "speech-therapy-report": {"Composition": "report-composition"},
    "sen-support-notice": {"Condition": "notice-condition", "Flag": "notice-flag"},
}
"""Further shapes of a kind: the type of its focus to the table."""

PROFILE = Profile(
    version="R4",
    types=tuple(_TYPES.split()),
    tables=load_tables("r4.csv", CONVERTERS),
    event_element="eventCoding",
    event_systems={"": f"{BASE}/CodeSystem/message-kind"},
    events={
        kind: Event(kind=kind, code=kind, table=table, shapes=_SHAPES.get(kind, {}))
        for kind, table in BODY.items()
    },
    only_one=("Patient", "Consent"),
)
