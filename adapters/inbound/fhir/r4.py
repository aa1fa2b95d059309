"""FHIR R4 on UK Core: review, report, SEN notice and referral, one shape a kind."""

# `fhir.resources` has no R4: R4B is the same in every element that is read here.
from fhir.resources.R4B import get_fhir_model_class

from adapters.inbound.fhir.convert import BASE, CONVERTERS
from adapters.inbound.fhir.profile import Event, Profile, load_tables
from schemas.message import BODY

_CLASSES = """Consent DiagnosticReport Encounter HealthcareService Location MessageHeader
    Observation Organization Patient Practitioner PractitionerRole QuestionnaireResponse
    RelatedPerson ServiceRequest"""

PROFILE = Profile(
    version="R4",
    bundle=get_fhir_model_class("Bundle"),
    classes={name: get_fhir_model_class(name) for name in _CLASSES.split()},
    tables=load_tables("r4.csv", CONVERTERS),
    event_element="eventCoding",
    event_systems={"": f"{BASE}/CodeSystem/message-kind"},
    events={kind: Event(kind=kind, code=kind, table=table) for kind, table in BODY.items()},
    only_one=("Patient", "Consent"),
)
