"""FHIR STU3: the Digital Child Health event Assessment Scales, in both of its generations."""

from fhir.resources.STU3 import get_fhir_model_class

from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.profile import Event, Profile, load_tables

_ASSESSMENT_SCALES = Event(kind="healthy-child-review", code="CH004", table="assessment-scales")

_CLASSES = """Encounter HealthcareService Location MessageHeader Observation Organization
    Patient Practitioner PractitionerRole RelatedPerson"""

PROFILE = Profile(
    version="STU3",
    bundle=get_fhir_model_class("Bundle"),
    classes={name: get_fhir_model_class(name) for name in _CLASSES.split()},
    tables=load_tables("stu3.csv", CONVERTERS),
    event_element="event",
    event_systems={
        "CH": "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEventType-1",
        "": "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1",
    },
    # One event by its code of either generation: DCH-ChildHealthEventType-1 and EventType-1.
    events={"CH004": _ASSESSMENT_SCALES, "assessment-scales-1": _ASSESSMENT_SCALES},
)
"""Any other event of Digital Child Health is a row of `events` and a table."""
