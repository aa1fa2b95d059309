"""The 2-2½ year Healthy Child review: what was found, said and offered."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Coding, Day, Language, Model, PartialDate, Text, Word

ReviewType = Literal[
    "two-year-review",
    "early-years-progress-check",
    "one-year-review",
    "six-to-eight-week-review",
    "new-baby-review",
    "school-entry-review",
    "ad-hoc-review",
    "general-practice-appointment",
]
"""DCH-ChildHealthEncounterType-1 0020, 0019, 0021, 0022, 0023, 0024, 0026, 0028 in words."""

ReviewOutcome = Literal[
    "completed",
    "declined",
    "was-not-brought",
    "cancelled-by-family",
    "cancelled-by-service",
    "not-offered",
    "moved-away",
    "no-contact",
]

Asq3Domain = Literal[
    "communication", "gross-motor", "fine-motor", "problem-solving", "personal-social"
]

Score = Annotated[float, Field(ge=0, le=60)]
"""An ASQ-3 domain total, 0 to 60. Need not be a multiple of five: an omitted item is made up for."""


Asq3Answer = Literal["yes", "sometimes", "not-yet"]

ITEMS = 6
"""Items of a domain of the ASQ-3."""


def _a_place_for_each(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(items) != ITEMS:
        detail = "has not {items} places; write null where an item was left out"
        raise PydanticCustomError("places", detail, {"items": ITEMS})
    return items


class Asq3Score(Model):
    """One domain's total, by domain or, where our maps lack the code, by the code alone."""

    domain: Asq3Domain | None = None
    questionnaire_months: Annotated[int, Field(ge=2, le=60)] | None = None
    """Where it differs from the questionnaire's own, as real messages do."""
    score: Score | None = None
    items: Annotated[
        tuple[Asq3Answer | None, ...],
        AfterValidator(_a_place_for_each),
        Field(json_schema_extra={"minItems": ITEMS, "maxItems": ITEMS}),
    ] = ()
    """The answers to the domain's six items in their order; null where one was left out. The
    gateway scores them, and hands them on to nobody."""
    code: Coding | None = None
    """The code as received (SNOMED CT UK, one per questionnaire and domain)."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.domain is None and self.code is None:
            raise PydanticCustomError("asq3_domain", "names no domain; give domain or code")
        return self


class Asq3(Model):
    """Ages and Stages Questionnaire, third edition: completed by a parent."""

    questionnaire_months: Annotated[int, Field(ge=2, le=60)] | None = None
    scores: tuple[Asq3Score, ...]
    completed_by: Word | None = None
    completed_on: Day | None = None
    language_used: Language | None = None
    interpreter_used: bool | None = None
    mode: Literal["home", "clinic", "video", "post", "telephone"] | None = None
    opportunity_to_try: bool | None = None
    """That the child had the chance to try the items."""


class AsqSe2(Model):
    """Ages and Stages Questionnaire: Social-Emotional, second edition. One total; higher is worse."""

    questionnaire_months: Annotated[int, Field(ge=2, le=60)] | None = None
    score: Annotated[float, Field(ge=0, le=465)] | None = None
    """0 to 465 (CareConnect-DCH-ASQSE-AssessmentScale-Observation-1)."""
    code: Coding | None = None
    """The code as received (SNOMED CT UK, one per questionnaire)."""
    completed_by: Word | None = None
    completed_on: Day | None = None


class DevelopmentalSkill(Model):
    """One skill, and whether it was seen."""

    skill: Word | None = None
    code: Coding | None = None
    result: Literal["achieved", "not-achieved", "unable-to-assess"]
    on: PartialDate | None = None
    note: Text | None = None


class EarlyLanguageMeasure(Model):
    """A measure of early language (such as ELIM) as it was recorded: never scored here."""

    tool: Word
    outcome: Word | None = None
    words_said: Annotated[int, Field(ge=0, le=5000)] | None = None
    note: Text | None = None


class EarlyYearsProgress(Model):
    """The setting's progress check at age two (EYFS): three prime areas and concerns."""

    communication_and_language: Text | None = None
    physical_development: Text | None = None
    personal_social_emotional_development: Text | None = None
    areas_of_concern: Text | None = None
    support_requested_or_provided: Text | None = None


class SenseStatus(Model):
    """Hearing or vision, as it stands."""

    status: Literal["no-concern", "concern", "not-assessed", "result-awaited"]
    note: Text | None = None


class View(Model):
    """What the child or a parent says, in whose words, and how it was learnt."""

    whose: Word
    """`child`, `mother`, `father`, or in the family's words."""
    words: Text
    how_learnt: Text | None = None
    first_hand: bool | None = None
    told_by: Word | None = None
    observed_on: Day | None = None


class Offer(Model):
    """What was offered, whether it was taken up, and its effect."""

    what: Word
    taken_up: bool | None = None
    effect: Text | None = None


class Action(Model):
    """What a plan says is to be done, and who does it."""

    what: Text
    code: Coding | None = None
    by: Word | None = None
    status: Word | None = None
    """FHIR care plan status or activity status: `active`, `completed`, `cancelled` …"""


class Comment(Model):
    """What was written about the child, by whom."""

    about: Coding | None = None
    """On what it comments (DCH-ProfessionalCommentType-1)."""
    words: Text
    by: Word | None = None
    on: PartialDate | None = None


class Contact(Model):
    """A professional or a team who has, or had, to do with the child."""

    name: Word | None = None
    role: Word | None = None
    team: Word | None = None
    organisation: Word | None = None
    association: Coding | None = None
    """Temporary, permanent or ended (DCH-AssociationType-1)."""
    reason: Text | None = None
    start: PartialDate | None = None
    end: PartialDate | None = None


class EducationalHistory(Model):
    """One establishment that the child attends or attended, and what was assessed there."""

    name: Word | None = None
    code: Word | None = None
    """The establishment's code as received: ODS, or in education URN or LAESTAB."""
    type: Literal["nursery", "primary", "secondary", "university"] | None = None
    """DCH-EducationalEstablishmentType-1."""
    start: PartialDate | None = None
    end: PartialDate | None = None
    outcome: Literal["no-special-educational-needs", "education-health-and-care-plan"] | None = None
    """DCH-EducationalAssessmentOutcome-1: a fact as recorded, which starts nothing."""
    need: Coding | None = None
    """Type of need by the NHS's list (DCH-SpecialEducationalNeed-1), which is not the DfE's."""


class IndividualRequirements(Model):
    """What the child, or who cares for the child, needs in order to take part."""

    whose: Literal["child", "parent-or-guardian", "legal-representative"] | None = None
    communication_support: tuple[Coding, ...] = ()
    communication_professional: tuple[Coding, ...] = ()
    contact_method: tuple[Coding, ...] = ()
    information_format: tuple[Coding, ...] = ()
    mobility: tuple[Coding, ...] = ()
    general_practice: Coding | None = None
    """That the family does not wish to register with an NHS practice."""


class SafetyAlert(Model):
    """A risk as a professional recorded it. Leaves in no default view, and alerts nobody."""

    risk: Word | None = None
    """`to-self`, `to-others`, `from-others`, or in the sender's words."""
    code: Coding | None = None
    """The code as received, where our map lacks it."""
    words: Text | None = None
    until: PartialDate | None = None


class LegalFact(Model):
    """That the child is, or was, looked after or under a plan. Leaves in no default view."""

    what: Literal["looked-after", "child-protection-plan"] | None = None
    code: Coding | None = None
    """The code as received, where our map lacks it."""
    start: PartialDate | None = None
    end: PartialDate | None = None
    authority: Word | None = None
    authority_code: Word | None = None
    """The authority's code as received: ODS, or the three digits of the council."""


class HealthyChildReview(Model):
    """One review, or one attempt at it."""

    type: ReviewType | None = None
    type_code: Coding | None = None
    """The encounter type as received, where our map lacks it."""
    outcome: ReviewOutcome
    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    date: Day
    """The day of the encounter, or on which it should have been."""
    place: Word | None = None
    mode: Literal["home", "clinic", "video", "telephone", "setting"] | None = None
    present: tuple[Word, ...] = ()
    asq3: Asq3 | None = None
    asq_se2: AsqSe2 | None = None
    developmental_skills: tuple[DevelopmentalSkill, ...] = ()
    early_language: EarlyLanguageMeasure | None = None
    early_years_progress: EarlyYearsProgress | None = None
    hearing: SenseStatus | None = None
    vision: SenseStatus | None = None
    other_codes: tuple[Coding, ...] = ()
    """Codes that were received and are not in our maps, word for word."""
    strengths: tuple[Text, ...] = ()
    views: tuple[View, ...] = ()
    offered: tuple[Offer, ...] = ()
    next_step: Text | None = None
    actions: tuple[Action, ...] = ()
    comments: tuple[Comment, ...] = ()
    contacts: tuple[Contact, ...] = ()
    educational_history: tuple[EducationalHistory, ...] = ()
    individual_requirements: tuple[IndividualRequirements, ...] = ()
    safety_alerts: tuple[SafetyAlert, ...] = ()
    legal_facts: tuple[LegalFact, ...] = ()
