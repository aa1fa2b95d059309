"""R4 messages: one shape a kind, natural elements first, the rest in one nested extension."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.base import Coding
from tests.unit.adapters.fhir_reading import (
    BASE,
    SNOMED,
    example,
    extension,
    faults,
    place,
    read,
    resource,
)

REASONS = "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ReasonForReferral-1"


def test_the_review_carries_scores_conclusion_opinion_and_agreement() -> None:
    parsed = read(example("r4/review.json"))
    message = parsed.message
    assert parsed.event == message.kind == "healthy-child-review"
    assert [score.score for score in message.review.asq3.scores] == [25, 50, 40, 45, 50]
    assert {score.questionnaire_months for score in message.review.asq3.scores} == {30}
    assert [conclusion.kind for conclusion in message.conclusions] == ["probable-sen-or-disability"]
    opinion = message.sharing.opinion
    assert opinion.by.name == "Helen Marsh"
    assert opinion.talk_offered
    assert opinion.parent_informed_on
    agreement = message.sharing.agreement
    assert (agreement.status, agreement.recipients, agreement.purposes) == (
        "given",
        ("setting",),
        ("support-in-setting",),
    )
    assert message.child.setting.urn == "199905"
    assert message.child.responsible_people[0].parental_responsibility


def test_the_report_carries_areas_and_a_safety_plan() -> None:
    message = read(example("r4/report.json")).message
    assert message.report.safety_plan.choking_risk
    assert [area.area for area in message.report.areas] == [
        "understanding",
        "expressive-language",
        "eating-and-drinking",
    ]
    assert message.sharing.agreement.recipients == ("setting",)


def test_the_notice_carries_provision_and_needs() -> None:
    message = read(example("r4/notice.json")).message
    notice = message.notice
    assert (notice.provision_before, notice.provision) == ("N", "K")
    assert [(need.type, need.rank) for need in notice.needs] == [("SLCN", 1), ("SEMH", 2)]
    assert notice.parents_told.on
    assert message.source.key == "urn:199902"


def test_the_referral_carries_service_reason_and_question() -> None:
    message = read(example("r4/referral.json")).message
    service = message.referral.service
    assert (service.to, service.reason.code) == ("speech-and-language-therapy", "62")
    assert service.asq3.scores[0].score == 20
    assert service.question
    assert message.child.interpreter_language == "pl"


@pytest.mark.parametrize(
    ("performer", "to"),
    [
        ({"coding": [{"system": SNOMED, "code": "310101009"}]}, "speech-and-language-therapy"),
        ({"coding": [{"system": f"{BASE}/CodeSystem/service", "code": "audiology"}]}, "audiology"),
        ({"text": "slt-today"}, "slt-today"),
        (None, "speech-and-language-therapy"),
    ],
)
def test_a_service_is_known_by_code_or_by_name(performer: Any, to: str) -> None:
    bundle = example("r4/referral.json")
    request = resource(bundle, "ServiceRequest")
    request["performerType"] = performer
    if performer is None:  # then by what is asked for: 308452008
        del request["performerType"]
    assert read(bundle).message.referral.service.to == to


def test_a_revoked_referral_retracts_whatever_the_header_says() -> None:
    bundle = example("r4/referral.json")
    bundle["entry"][0]["resource"]["reason"]["coding"][0]["code"] = "update"
    resource(bundle, "ServiceRequest")["status"] = "revoked"
    message = read(bundle).message
    assert (message.action, message.retract_reason) == ("retract", "cancelled")


def test_a_retraction_may_name_its_record_alone() -> None:
    bundle = example("r4/report.json")
    header = bundle["entry"][0]["resource"]
    del header["focus"]
    header["reason"]["coding"][0]["code"] = "delete"
    url = f"{BASE}/StructureDefinition/record"
    header["extension"] = [{"url": url, "valueString": "SLT-77240"}]
    message = read(bundle).message
    assert (message.action, message.record, message.report) == ("retract", "SLT-77240", None)
    header["reason"]["coding"][0]["code"] = "new"
    assert faults(bundle)["Bundle"][1].startswith(
        "lacks `report`, which is read from MessageHeader"
    )


def test_safeguarding_among_the_reasons_is_seen_wherever_it_stands() -> None:
    bundle = example("r4/referral.json")
    request = resource(bundle, "ServiceRequest")
    request["reasonCode"].append({"coding": [{"system": REASONS, "code": "58"}]})
    [(code, detail)] = faults(bundle).values()
    assert code == "safeguarding-elsewhere"
    assert "Telephone the front door" in detail


def test_codes_that_no_map_has_are_kept_and_listed() -> None:
    bundle = example("r4/report.json")
    rare = {"system": SNOMED, "code": "229721007", "display": "Read in several ways"}
    resource(bundle, "DiagnosticReport")["conclusionCode"].append({"coding": [rare]})
    parsed = read(bundle)
    assert parsed.message.report.findings[-1] == Coding(**rare)
    assert parsed.unmapped == (Coding(**rare),)


def test_a_second_type_of_encounter_does_not_go_unseen() -> None:
    bundle = example("r4/review.json")
    local = {"system": "https://sender.example/types", "code": "HV-2"}
    resource(bundle, "Encounter")["type"].append({"coding": [local]})
    parsed = read(bundle)
    assert parsed.message.review.type == "two-year-review"
    assert parsed.message.review.type_code == Coding(**local)
    assert parsed.unmapped == (Coding(**local),)


def test_a_consent_says_agreement_by_its_status_and_provision() -> None:
    for status, provision, agreement in (
        ("active", "permit", "given"),
        ("active", "deny", "refused"),
        ("rejected", "permit", "refused"),
        ("inactive", "permit", "withdrawn"),
        ("proposed", "permit", "not-asked"),
    ):
        bundle = example("r4/review.json")
        consent = resource(bundle, "Consent")
        consent["status"], consent["provision"]["type"] = status, provision
        assert read(bundle).message.sharing.agreement.status == agreement


def test_a_consent_that_merely_stands_states_no_agreement() -> None:
    bundle = example("r4/review.json")
    consent = resource(bundle, "Consent")
    del consent["provision"]
    stated = extension(consent, "sharing-statement")["extension"]
    [agreement] = [one for one in stated if one["url"] == "agreement"]
    stated.remove(agreement)
    assert consent["dateTime"]
    assert read(bundle).message.sharing.agreement is None
    agreement["extension"] = [{"url": "status", "valueCode": "not-known"}]
    stated.append(agreement)
    said = read(bundle).message.sharing.agreement
    assert (said.status, str(said.on)) == ("not-known", consent["dateTime"])


def test_what_narrows_an_agreement_is_refused_not_overlooked() -> None:
    for narrower in (
        {"provision": [{"type": "deny"}]},
        {"period": {"end": "2026-12-01"}},
        {"securityLabel": [{"code": "R"}]},
    ):
        bundle = example("r4/review.json")
        resource(bundle, "Consent")["provision"].update(narrower)
        [(pointer, (code, _))] = faults(bundle).items()
        assert pointer.startswith(f"{place(bundle, 'Consent')}.provision.{next(iter(narrower))}")
        assert code == "not-supported"


def test_a_recipient_may_be_an_organisation() -> None:
    bundle = example("r4/review.json")
    school = next(
        entry["fullUrl"]
        for entry in bundle["entry"]
        if entry["resource"].get("name") == "Dee Example Nursery School"
    )
    actor = resource(bundle, "Consent")["provision"]["actor"]
    actor[0]["reference"] = {"reference": school}
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "N81991"}
    actor.append({"role": actor[0]["role"], "reference": {"identifier": ods}})
    assert set(read(bundle).message.sharing.agreement.recipients) == {"urn:199905", "ods:N81991"}


@pytest.mark.parametrize("kind", ["Patient", "Consent"])
def test_a_second_child_or_consent_is_refused(kind: str) -> None:
    bundle = example("r4/review.json")
    bundle["entry"].append({"resource": resource(bundle, kind)})
    where = f"Bundle.entry[{len(bundle['entry']) - 1}].resource"
    assert faults(bundle)[where] == ("not-supported", f"is a second {kind}; a message has one")


def test_a_second_focus_is_refused() -> None:
    bundle = example("r4/review.json")
    second = {"fullUrl": "https://a.example/Encounter/2", "resource": resource(bundle, "Encounter")}
    bundle["entry"].append(second)
    bundle["entry"][0]["resource"]["focus"].append({"reference": "Encounter/2"})
    where = f"Bundle.entry[{len(bundle['entry']) - 1}].resource"
    assert faults(bundle)[where][0] == "not-supported"


def test_the_sender_may_be_named_by_identifier_alone() -> None:
    bundle = example("r4/review.json")
    bundle["entry"][0]["resource"]["sender"] = {
        "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXA"},
        "display": "Cheshire and Wirral Partnership",
    }
    source = read(bundle).message.source
    assert (source.key, source.name) == ("ods:RXA", "Cheshire and Wirral Partnership")


def test_an_unknown_member_of_an_extension_is_refused_with_the_nearest_known() -> None:
    bundle = example("r4/review.json")
    focus = resource(bundle, "Encounter")
    members = extension(focus, "review")["extension"]
    members.append({"url": "strength", "valueString": "Climbs well"})
    where = f"{place(bundle, 'Encounter')}.extension[{focus['extension'].index(extension(focus, 'review'))}]"
    pointer = f"{where}.extension[{len(members) - 1}].valueString"
    code, detail = faults(bundle)[pointer]
    assert code == "unknown-property"
    assert "did you mean `strengths`?" in detail
    assert "Climbs" not in detail


def test_what_is_stated_in_two_places_must_be_the_same() -> None:
    bundle = example("r4/review.json")
    members = extension(resource(bundle, "Encounter"), "review")["extension"]
    members.append({"url": "date", "valueDate": "2026-11-18"})
    assert read(bundle).message.review.date.isoformat() == "2026-11-18"
    members[-1]["valueDate"] = "2026-11-17"
    [(_, (code, detail))] = faults(bundle).items()
    assert code == "value"
    assert detail.endswith(f"at {place(bundle, 'Encounter')}.period.start")


def test_a_review_that_was_not_completed_says_how_in_its_extension() -> None:
    bundle = example("r4/review.json")
    focus = resource(bundle, "Encounter")
    focus["status"] = "cancelled"
    assert "lacks `review.outcome`" in faults(bundle)[place(bundle, "Encounter")][1]
    members = extension(focus, "review")["extension"]
    members.append({"url": "outcome", "valueCode": "was-not-brought"})
    assert read(bundle).message.review.outcome == "was-not-brought"


def test_items_of_a_questionnaire_may_repeat_their_answers() -> None:
    bundle = example("r4/notice.json")
    item = resource(bundle, "QuestionnaireResponse")["item"]
    outcomes = next(one for one in item if one["linkId"] == "outcomes")
    outcomes["answer"].append({"valueString": "Leo joins a game."})
    assert read(bundle).message.notice.outcomes[1] == "Leo joins a game."
    item.append({"linkId": "stage", "answer": [{"valueCoding": {"code": "plan"}}]})
    assert read(bundle).message.notice.stage == "plan"
    outcomes["answer"][0]["item"] = [{"linkId": "why", "answer": [{"valueString": "x"}]}]
    assert "has a value and members of its own" in str(faults(bundle))


def test_harm_outside_a_safeguarding_referral_is_refused_with_what_to_do() -> None:
    bundle = example("r4/review.json")
    statement = extension(resource(bundle, "Consent"), "sharing-statement")["extension"]
    cause = {"url": "cause", "valueString": "Bruises"}
    statement.append({"url": "harm", "extension": [cause]})
    [(_, (code, detail))] = faults(bundle).items()
    assert code == "safeguarding-elsewhere"
    assert "Bruises" not in detail
