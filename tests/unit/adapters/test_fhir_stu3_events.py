"""The events of Digital Child Health beside Assessment Scales: what each is read as, and refused for."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from adapters.inbound.fhir import PROFILES
from tests.conformance import conforms
from tests.unit.adapters.fhir_reading import TABLES, faults, place, read, resource
from tests.unit.adapters.stu3_bundles import COMMUNICATION_30, SNOMED, a_panel, an_event, refer
from tests.unit.adapters.stu3_events import (
    LOOKED_AFTER,
    PAYLOADS,
    a_coded,
    a_communication,
    a_form,
    a_referral,
    an_observation,
    asq_se2,
    concept,
    developmental_skill,
    early_years_progress,
    educational_history,
    legal_fact,
    parents_comment,
    plan,
    professional_contact,
    safety_alert,
)

REFERRAL = "CH028"


STU3 = "Digital Child Health STU3"
EACH = [pytest.param(event, marks=conforms(STU3, event, "taken")) for event in PAYLOADS]


def event(code: str, *payload: Any, **changes: Any) -> Any:
    given = payload or PAYLOADS[code]
    return an_event(code, copy.deepcopy(list(given)), **changes)


def review(code: str, *payload: Any, **changes: Any) -> Any:
    return read(event(code, *payload, **changes)).message.document()["review"]


def coded(name: str, code: str, display: str | None = None) -> Any:
    return concept(name, code, display)["coding"][0]


READ_AS: dict[str, Any] = {
    "CH004": {
        "asq3": {
            "scores": [
                {
                    "domain": "communication",
                    "questionnaireMonths": 30,
                    "score": 25,
                    "code": coded(SNOMED, COMMUNICATION_30),
                }
            ]
        }
    },
    "CH010": {
        "earlyYearsProgress": {
            "communicationAndLanguage": "Uses single words",
            "physicalDevelopment": "Climbs and runs",
            "personalSocialEmotionalDevelopment": "Plays beside others",
            "areasOfConcern": "Few words for her age",
            "supportRequestedOrProvided": "A talking group",
        }
    },
    "CH016": {
        "individualRequirements": [
            {
                "whose": "parent-or-guardian",
                "communicationProfessional": [coded(SNOMED, "1199999999997")],
                "informationFormat": [coded(SNOMED, "936801000000109", "Requires large print")],
            }
        ]
    },
    "CH020": {
        "developmentalSkills": [
            {
                "code": coded(SNOMED, "1093111000000107", "Joins two words"),
                "result": "not-achieved",
                "on": "2026-10-02",
                "note": "Asked of her mother",
            }
        ]
    },
    "CH022": {
        "views": [{"whose": "mother", "words": "She hears me well", "observedOn": "2026-11-18"}]
    },
    "CH025": {
        "nextStep": "See again in three months",
        "actions": [{"what": "See again in three months", "by": "Helen Marsh", "status": "active"}],
    },
    "CH026": {
        "comments": [
            {
                "about": coded("ProfessionalCommentType", "014", "Developmental Skills"),
                "words": "Seen at home",
                "by": "Helen Marsh",
                "on": "2026-11-18",
            }
        ]
    },
    "CH027": {
        "contacts": [
            {
                "name": "Helen Marsh",
                "organisation": "Cheshire and Wirral Partnership NHS Foundation Trust",
                "association": coded("AssociationType", "Permanent"),
                "start": "2026-01-05",
            }
        ]
    },
    "CH029": {"safetyAlerts": [{"risk": "from-others", "words": "Do not visit alone"}]},
    "CH032": {
        "educationalHistory": [
            {
                "name": "Little Acorns Example Nursery",
                "code": "EE199901",
                "type": "nursery",
                "start": "2026",
                "end": "2028",
                "outcome": "education-health-and-care-plan",
                "need": coded("SpecialEducationalNeed", "4", "Speech"),
            }
        ]
    },
    "CH033": {"legalFacts": [{"what": "child-protection-plan", "start": "2026-02-01"}]},
}
VISIT = {
    "type": "two-year-review",
    "outcome": "completed",
    "date": "2026-11-18",
    "place": "Example Children's Centre",
}


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("code", EACH)
def test_an_event_of_either_generation_is_read(code: str, generation: int) -> None:
    parsed = read(event(code, generation=generation))
    document = parsed.message.document()
    assert parsed.event == code
    assert document["source"]["odsCode"] == "RXA"
    assert document["child"]["nhsNumber"] == "9990002053"
    assert "conclusions" not in document
    if code != REFERRAL:
        assert document["review"] == VISIT | READ_AS[code]


@pytest.mark.parametrize("code", EACH)
def test_an_event_is_updated_and_deleted(code: str) -> None:
    assert read(event(code, action="update")).message.action == "update"
    deleted = read(event(code, action="delete")).message
    assert (deleted.action, deleted.retract_reason) == ("retract", "entered-in-error")


@pytest.mark.parametrize("code", [code for code in PAYLOADS if code not in ("CH004", REFERRAL)])
def test_only_a_deletion_may_come_without_what_it_is_about(code: str) -> None:
    bundle = an_event(code, [], action="delete")
    assert read(bundle).message.document()["review"] == VISIT
    assert faults(an_event(code, []))["Bundle"][0] == "required"


@pytest.mark.parametrize("code", [code for code in PAYLOADS if code != REFERRAL])
def test_what_a_part_lacks_is_told_where_it_is_read(code: str) -> None:
    bundle = event(code)
    del resource(bundle, "Encounter")["period"]
    assert faults(bundle) == {
        place(bundle, "Encounter"): (
            "required",
            "lacks `review.date`, which is read from %focus.period.start",
        )
    }


# Wrong values: where each stands, and its code

SKILL, PLAN, COMMENT, FORM = "Condition", "CarePlan", "Communication", "QuestionnaireResponse"
ERROR = {"status": "entered-in-error"}
WRONG = {
    "consent": ("CH010", early_years_progress("X"), FORM, ".item[0].answer[0].valueCoding", "value"),
    "words that are a number": ("CH010", a_form(areasOfConcern={"valueInteger": 3}), FORM,
        ".item[0].answer[0].valueInteger", "value"),
    "form in error": ("CH010", early_years_progress() | ERROR, FORM, ".status", "not-supported"),
    "whose needs": ("CH016", a_form(individualNeedsPersonIndicator=a_coded("X", "9")), FORM,
        ".item[0].answer[0].valueCoding", "value"),
    "a need in words": ("CH016", a_form(mobilityNeeds="Walks with help"), FORM,
        ".item[0].answer[0].valueString", "value"),
    "result": ("CH020", developmental_skill("1"), SKILL, ".stage.summary.coding[0]", "value"),
    "no result": ("CH020", developmental_skill(stage={}), SKILL, "", "required"),
    "day of a skill": ("CH020", developmental_skill(onsetDateTime="2026-13-40"), SKILL, ".onsetDateTime",
        "partial-date"),
    "skill in error": ("CH020", developmental_skill(verificationStatus="entered-in-error"), SKILL,
        ".verificationStatus", "not-supported"),
    "no words": ("CH022", parents_comment() | {"payload": []}, COMMENT, "", "required"),
    "view in error": ("CH022", parents_comment() | ERROR, COMMENT, ".status", "not-supported"),
    "day of a comment": ("CH026", a_communication("x") | {"sent": "soon"}, COMMENT, ".sent", "partial-date"),
    "comment in error": ("CH026", a_communication("x") | ERROR, COMMENT, ".status", "not-supported"),
    "plan in error": ("CH025", plan() | ERROR, PLAN, ".status", "not-supported"),
    "contact in error": ("CH027", professional_contact("entered-in-error"), "EpisodeOfCare", ".status",
        "not-supported"),
    "alert in error": ("CH029", safety_alert() | ERROR, "Observation", ".status", "not-supported"),
    "fact in error": ("CH033", legal_fact() | ERROR, "Observation", ".status", "not-supported"),
    "day of a plan": ("CH033", legal_fact(start="2026-02-31"), "Observation", ".effectivePeriod.start",
        "partial-date"),
    "year": ("CH032", educational_history(educationalEstablishmentStart={"valueDate": "26"}), FORM,
        ".item[2].answer[0].valueDate", "partial-date"),
    "establishment": (
        "CH032",
        educational_history(educationalEstablishment={"valueReference": refer("#nobody")}),
        FORM,
        ".item[0].answer[0].valueReference.reference",
        "reference",
    ),
    "need in words": ("CH032", educational_history(specialEducationalNeedType="Speech"), FORM,
        ".item[5].answer[0].valueString", "value"),
    "total": ("CH004", asq_se2(score=466), "Observation", ".component[0].valueQuantity.value", "value"),
    "total below nought": ("CH004", asq_se2("A", -1), "Observation", ".valueQuantity.value", "value"),
    "safeguarding": (REFERRAL, a_referral(reason="58"), "ReferralRequest", ".reasonCode[0].coding[0]",
        "safeguarding-elsewhere"),
    "no service": (REFERRAL, a_referral(serviceRequested=[]), "ReferralRequest", "", "required"),
    "two services": (REFERRAL, a_referral(serviceRequested=[concept(SNOMED, "308452008")] * 2),
        "ReferralRequest", ".serviceRequested[1]", "not-supported"),
    "priority": (REFERRAL, a_referral(priority="soon"), "ReferralRequest", ".priority", "value"),
    "day of a referral": (REFERRAL, a_referral(authoredOn="2026"), "ReferralRequest", ".authoredOn", "value"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=conforms(STU3, WRONG[name][0], "refused")) for name in WRONG]
)
def test_a_wrong_value_is_refused_where_it_stands(name: str) -> None:
    code, payload, kind, where, fault = WRONG[name]
    bundle = event(code, payload)
    assert {(p, c) for p, (c, _) in faults(bundle).items()} == {
        (place(bundle, kind) + where, fault)
    }


def test_an_event_that_is_not_taken_is_refused_with_those_that_are() -> None:
    bundle = event("CH004")
    resource(bundle, "MessageHeader")["event"]["code"] = "CH015"
    [(pointer, (code, detail))] = faults(bundle).items()
    assert (pointer, code) == ("Bundle.entry[0].resource.event.code", "not-supported")
    [profile] = [one for one in PROFILES if one.version == "STU3"]
    assert all(f"`{taken}`" in detail for taken in profile.events)


def test_blanks_round_the_codes_of_an_event_are_borne() -> None:
    bundle = event("CH020", developmental_skill("\u200b1093061000000108 "), generation=2)
    header = resource(bundle, "MessageHeader")
    header["event"]["code"] = "\u200bdevelopmental-skills-1"
    assert read(bundle).message.review.developmental_skills[0].result == "not-achieved"


def test_an_encounter_after_the_headers_time_is_taken_and_asked_about() -> None:
    parsed = read(event("CH020", sent="2026-01-01T10:00:00+00:00"))
    assert [note.pointer for note in parsed.notes] == ["/review/date"]
    assert read(event("CH020")).notes == ()


# Early Years Progress


@pytest.mark.parametrize("encounter", ["0019", "0020"])
@pytest.mark.parametrize("link", ["supportRequestedOrProvided", "supportedRequestedOrProvided"])
def test_both_spellings_of_support_are_read_of_either_review(link: str, encounter: str) -> None:
    parsed = read(event("CH010", early_years_progress(link=link), encounter_type=encounter))
    progress = parsed.message.review.early_years_progress
    assert progress.support_requested_or_provided == "A talking group"


@pytest.mark.parametrize(("consent", "status"), [("Y", "given"), ("N", "not-known")])
def test_consent_names_nobody_and_its_absence_is_no_refusal(consent: str, status: str) -> None:
    message = read(event("CH010", early_years_progress(consent))).message
    assert message.sharing.document() == {"agreement": {"status": status}}


def test_no_consent_outweighs_consent_and_none_is_made_up() -> None:
    form = early_years_progress("Y")
    form["item"].append({"linkId": "parentalConsent", "answer": [a_coded("X", "N")]})
    assert read(event("CH010", form)).message.sharing.agreement.status == "not-known"
    silent = early_years_progress()
    del silent["item"][0]
    assert read(event("CH010", silent)).message.sharing.agreement is None


def test_answers_are_found_at_any_depth() -> None:
    form = early_years_progress()
    form["item"] = [{"linkId": "all", "item": form["item"]}]
    assert review("CH010", form) == VISIT | READ_AS["CH010"]


# What of one event may stand several times, or otherwise


def test_each_skill_plan_comment_and_establishment_is_kept() -> None:
    assert (
        len(review("CH020", developmental_skill(), developmental_skill())["developmentalSkills"])
        == 2
    )
    assert len(review("CH026", a_communication("a"), a_communication("b"))["comments"]) == 2
    schools = review("CH032", educational_history(), educational_history())["educationalHistory"]
    assert len(schools) == 2
    detail = {"description": "Ring the family", "status": "scheduled"}
    actions = review("CH025", plan() | {"activity": [{"detail": detail}]})["actions"]
    assert [one["what"] for one in actions] == ["See again in three months", "Ring the family"]


def test_a_plan_that_is_no_longer_active_is_no_next_step() -> None:
    found = review("CH025", plan() | {"status": "cancelled"})
    assert "nextStep" not in found
    assert found["actions"][0]["status"] == "cancelled"


def test_a_skill_is_dated_by_its_first_sight_else_by_its_observation() -> None:
    skill = developmental_skill(assertedDate="2026-11-18")
    assert review("CH020", skill)["developmentalSkills"][0]["on"] == "2026-10-02"
    del skill["onsetDateTime"]
    assert review("CH020", skill)["developmentalSkills"][0]["on"] == "2026-11-18"


def test_of_a_day_in_the_past_the_month_is_enough() -> None:
    skill = review("CH020", developmental_skill(onsetDateTime="2026-10"))
    assert skill["developmentalSkills"][0]["on"] == "2026-10"


def test_a_comment_is_the_parents_in_whatever_words_they_are_described() -> None:
    assert review("CH022", parents_comment("ZZ"))["views"][0]["whose"] == "Someone who cares"
    child = a_communication("I like cars", sender=refer(resource_url("Patient")))
    assert review("CH022", child)["views"][0]["whose"] == "child"
    assert review("CH022", a_communication("Mine"))["views"][0]["whose"] == "parent or guardian"


def resource_url(kind: str) -> str:
    bundle = event("CH004")
    return next(e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def test_a_need_by_the_nhs_list_is_no_code_of_the_dfe_and_unknown_ones_are_listed() -> None:
    form = educational_history(
        specialEducationalNeedType=a_coded("SpecialEducationalNeed", "77"),
        educationalAssessmentOutcome=a_coded("EducationalAssessmentOutcome", "3"),
    )
    parsed = read(event("CH032", form))
    history = parsed.message.review.educational_history[0]
    assert (history.outcome, history.need.code) == (None, "77")
    assert sorted(code.code for code in parsed.unmapped) == ["3", "77"]


def test_what_format_the_family_needs_is_known_to_whoever_is_told() -> None:
    child = read(event("CH016")).message.child
    assert child.accessible_formats == ("Requires large print",)


def test_a_team_is_read_with_its_members() -> None:
    episode = professional_contact() | {"team": [refer("#team")]}
    del episode["careManager"]
    member = {"role": concept("ProfessionalType", "390", "Social Worker in England")}
    team = {"resourceType": "CareTeam", "id": "team", "name": "A team"}
    bundle = event("CH027", episode | {"contained": [team]}, team | {"participant": [member]})
    first, second = read(bundle).message.review.contacts
    assert (first.team, second.role) == ("A team", "Social Worker in England")


# Safety and legal facts


@pytest.mark.parametrize(
    ("code", "text", "risk"),
    [
        ("886941000000103", None, "to-self"),
        ("1064461000000103", None, "from-others"),
        (None, "Risk to others", "to-others"),
        (None, "A dog that bites", "A dog that bites"),
    ],
)
def test_a_risk_is_known_by_code_or_words(code: str | None, text: str | None, risk: str) -> None:
    assert review("CH029", an_observation(code, text))["safetyAlerts"] == [{"risk": risk}]


def test_the_code_of_another_risk_is_kept_word_for_word() -> None:
    parsed = read(event("CH029", an_observation("1199999999997")))
    assert parsed.message.review.safety_alerts[0].code.code == "1199999999997"
    assert [code.code for code in parsed.unmapped] == ["1199999999997"]


@pytest.mark.parametrize(
    ("facts", "plan", "looked_after"),
    [
        ([legal_fact()], True, False),
        ([legal_fact(LOOKED_AFTER)], None, True),
        ([legal_fact(LOOKED_AFTER), legal_fact()], True, True),
        ([legal_fact(start="2025-01-01", end="2026-01-01")], None, False),
        ([legal_fact(LOOKED_AFTER, start="2025-01-01", end="2026-01-01")], None, False),
        ([legal_fact("160887007"), legal_fact("160889005")], None, False),
        (
            [
                legal_fact(start="2025-01-01", end="2026-11-19"),
                legal_fact(LOOKED_AFTER, start="2025", end="2026"),
            ],
            True,
            True,
        ),
        ([legal_fact(LOOKED_AFTER), legal_fact("764951000000107")], None, False),
    ],
)
def test_what_has_ended_no_longer_stands(facts: Any, plan: Any, looked_after: bool) -> None:
    message = read(event("CH033", *facts)).message
    assert message.child.child_protection_plan is plan
    assert (message.child.looked_after is not None) is looked_after
    assert len(message.review.legal_facts) == len(facts)
    assert all(fact.code is None for fact in message.review.legal_facts)


# Assessment Scales: the social and emotional questionnaire


@pytest.mark.parametrize("shape", ["A", "B"])
def test_the_social_and_emotional_questionnaire_is_read_in_either_shape(shape: str) -> None:
    found = review("CH004", asq_se2(shape))
    assert found["asqSe2"] == {
        "questionnaireMonths": 30,
        "score": 70,
        "code": coded(SNOMED, "1054021000000105"),
    }
    assert "otherCodes" not in found


def test_both_questionnaires_stand_in_one_message() -> None:
    found = review("CH004", a_panel({COMMUNICATION_30: 25}, "B"), asq_se2())
    assert (found["asq3"]["scores"][0]["score"], found["asqSe2"]["score"]) == (25, 70)


def test_a_questionnaire_that_no_map_has_is_kept_word_for_word() -> None:
    parsed = read(event("CH004", asq_se2(code="1199999999997")))
    total = parsed.message.review.asq_se2
    assert (total.score, total.code.code, total.questionnaire_months) == (70, "1199999999997", None)
    assert [code.code for code in parsed.unmapped] == ["1199999999997"]


def test_the_tables_and_the_map_know_the_same_questionnaires() -> None:
    for code in TABLES.asqse_by_code:
        assert review("CH004", asq_se2("A", code=code))["asqSe2"]["code"]["code"] == code


# Referral


def test_a_referral_is_a_record_of_its_own() -> None:
    parsed = read(event(REFERRAL))
    assert parsed.message.document()["referral"] == {
        "identifier": "R-1",
        "type": "service",
        "date": "2026-11-18",
        "service": {
            "to": "speech-and-language-therapy",
            "reason": coded("ReasonForReferral", "62", "A reason"),
            "urgency": "routine",
            "comment": "Rhymes were tried",
        },
        "source": coded("SourceOfReferral", "7"),
    }
    assert parsed.message.professional.name == "Helen Marsh"
    assert parsed.unmapped == ()


@pytest.mark.parametrize(("priority", "urgency"), [("urgent", "urgent"), ("asap", "urgent")])
def test_a_referral_is_as_urgent_as_the_clinician_says(priority: str, urgency: str) -> None:
    assert (
        read(event(REFERRAL, a_referral(priority=priority))).message.referral.service.urgency
        == urgency
    )


def test_a_service_that_no_map_has_is_kept_and_named_as_it_was() -> None:
    parsed = read(event(REFERRAL, a_referral("309625004")))
    service = parsed.message.referral.service
    assert (service.to, service.to_code.code) == ("A service", "309625004")
    assert [code.code for code in parsed.unmapped] == ["309625004"]


def test_safeguarding_among_the_reasons_is_refused_with_what_to_do() -> None:
    reasons = [concept("ReasonForReferral", code) for code in ("62", "58")]
    bundle = event(REFERRAL, a_referral(reasonCode=reasons))
    [(pointer, (code, detail))] = faults(bundle).items()
    assert pointer.endswith(".reasonCode[1].coding[0]")
    assert code == "safeguarding-elsewhere"
    assert "Telephone the front door now" in detail


@pytest.mark.parametrize(
    ("status", "reason"), [("cancelled", "cancelled"), ("entered-in-error", "entered-in-error")]
)
def test_a_referral_may_say_of_itself_that_it_no_longer_stands(status: str, reason: str) -> None:
    message = read(event(REFERRAL, a_referral(status=status), action="update")).message
    assert (message.action, message.retract_reason) == ("retract", reason)


def test_a_referral_without_identifier_has_one_of_its_own_for_each_child_and_service() -> None:
    def identifier(number: str = "9990002053", **changes: Any) -> str:
        bundle = event(REFERRAL, a_referral(identifier=None, **changes))
        resource(bundle, "Patient")["identifier"][0]["value"] = number
        return str(read(bundle).message.referral.identifier)

    assert identifier() == identifier(status="completed")
    assert len({identifier(), identifier("9990001006"), identifier(service="310101009")}) == 3
    assert identifier(id="a") == identifier(id="a", service="310101009") != identifier()
