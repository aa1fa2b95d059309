"""FHIR STU3: events of Digital Child Health, in both of its generations."""

from collections.abc import Mapping

from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.profile import Event, Profile, load_tables

_REVIEW: Mapping[tuple[str, ...], str] = {
    ("CH004", "assessment-scales-1"): "assessment-scales",
    ("CH010", "early-years-progress-1"): "early-years-progress",
    ("CH016", "individual-requirements-1"): "individual-requirements",
    ("CH020", "developmental-skills-1"): "developmental-skills",
    ("CH022", "parent-guardian-or-personal-comment-1"): "personal-comment",
    ("CH025", "plan-and-requested-actions-1"): "plan-and-requested-actions",
    ("CH026", "professional-summary-1"): "professional-comment",
    ("CH027", "professional-contacts-1"): "professional-contacts",
    ("CH029", "safety-alerts-1"): "safety-alerts",
    ("CH032", "educational-history-1"): "educational-history",
    ("CH033", "legal-information-1"): "legal-information",
}
"""An event's codes in either generation, DCH-ChildHealthEventType-1 and EventType-1, to its table.
Each is a part of the review that its Encounter names."""


def review_events(tables: Mapping[tuple[str, ...], str]) -> dict[str, Event]:
    """Return the events of such rows, each under all of its codes."""
    return {
        code: Event(
            kind="healthy-child-review",
            code=codes[0],
            table=table,
            shared=("encounter", "review-event"),
        )
        for codes, table in sorted(tables.items())
        for code in codes
    }


_REFERRAL = Event(kind="referral", code="CH028", table="referral-request", shared=("encounter",))

_TYPES = """CarePlan CareTeam ClinicalImpression Communication Condition DiagnosticReport Encounter
    EpisodeOfCare HealthcareService Location MessageHeader Observation Organization Patient
    Practitioner PractitionerRole QuestionnaireResponse ReferralRequest RelatedPerson"""

PROFILE = Profile(
    version="STU3",
    types=tuple(_TYPES.split()),
    tables=load_tables("stu3.csv", CONVERTERS),
    event_element="event",
    clock=False,
    states_sharing=False,
    event_systems={
        "CH": "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEventType-1",
        "": "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1",
    },
    events=review_events(_REVIEW) | dict.fromkeys(("CH028", "referral-1"), _REFERRAL),
)
"""Any other event of Digital Child Health is a row of `_REVIEW` and a table:
docs/adding-an-event.md."""
