"""The Booking and Referral Standard (England), FHIR R4: a referral to a service.

What its own rows do not say is read by those of r4.csv, so what both have is read in one way.
"""

from adapters.inbound.fhir import r4
from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.envelope import BARS
from adapters.inbound.fhir.profile import Event, Profile, extended, load_tables

SYSTEM = "https://fhir.nhs.uk/CodeSystem/message-events-bars"

_CARRIED = """AllergyIntolerance Appointment CarePlan Communication Condition Device
    DocumentReference EpisodeOfCare Flag Immunization MedicationRequest MedicationStatement
    Procedure Provenance Questionnaire Schedule Slot Task"""
"""Types that such messages carry beside those of r4.py, and of which nothing but a Flag is read."""

_ours = {table for event in r4.PROFILE.events.values() for table in event.tables}
_shared = {name: rows for name, rows in r4.PROFILE.tables.items() if name not in _ours}
_own = load_tables("bars.csv", CONVERTERS, known=_shared)

PROFILE = Profile(
    version="R4",
    name=BARS,
    types=(*r4.PROFILE.types, *_CARRIED.split()),
    tables={name: extended(_own.get(name, ()), _shared.get(name, ())) for name in _own | _shared},
    event_element="eventCoding",
    event_systems={"": SYSTEM},
    is_told_by_system=True,
    extends=r4.PROFILE,
    events={
        "servicerequest-request": Event(
            kind="referral", code="servicerequest-request", table="bars-referral"
        )
    },
    only_one=r4.PROFILE.only_one,
)
