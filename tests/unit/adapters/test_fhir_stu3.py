"""Digital Child Health messages in FHIR STU3: Assessment Scales."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.inbound import fhir
from schemas.base import Coding
from tests.unit.adapters.fhir_reading import TABLES, example, faults, place, read, resource
from tests.unit.adapters.stu3_bundles import (
    COMMUNICATION_30,
    GROSS_MOTOR_30,
    HEADER,
    SNOMED,
    a_review,
    a_score,
    coding,
)

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dch-stu3"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the folder of published messages, ../shared/corpus, is absent"
)


@needs_corpus
def test_the_published_message_reads_as_two_scores_of_two_questionnaires() -> None:
    parsed = fhir.parse((CORPUS / "AssessmentScales.json").read_bytes(), TABLES)
    review = parsed.message.review
    assert [
        (s.questionnaire_months, s.domain, s.score, s.code.code) for s in review.asq3.scores
    ] == [
        (10, "personal-social", 8, "952901000000104"),
        (22, "communication", 25, "953161000000105"),
    ]
    assert parsed.event == "CH004"
    assert parsed.message.source.key == "ods:A83627"
    assert parsed.message.id == "388b6fdf-7dc9-46ea-a4c7-f0030c513605"
    assert review.type == "general-practice-appointment"
    assert review.date.isoformat() == "2017-01-29"
    assert parsed.message.professional.name == "Dr. Stephen Strange"
    assert parsed.unmapped == ()


@pytest.mark.parametrize("shape", ["A", "B"])
@pytest.mark.parametrize("generation", [1, 2])
def test_both_shapes_of_both_generations_read_alike(shape: str, generation: int) -> None:
    scores = {COMMUNICATION_30: 25, GROSS_MOTOR_30: 42.5}
    parsed = read(a_review(scores=scores, shape=shape, generation=generation))
    asq3 = parsed.message.review.asq3
    assert [(s.domain, s.questionnaire_months, s.score) for s in asq3.scores] == [
        ("communication", 30, 25),
        ("gross-motor", 30, 42.5),
    ]
    assert parsed.event == "CH004"
    assert parsed.message.review.type == "two-year-review"


def test_the_child_and_who_sends_are_read() -> None:
    message = read(a_review()).message
    child = message.child
    assert (child.nhs_number, child.nhs_number_status) == (
        "9990002053",
        "number-present-and-verified",
    )
    assert (child.given_names, child.family_name) == (("Tess", "Mary"), "Handbridge")
    assert child.address.postcode == "CH1 0ZZ"
    assert child.general_practice == "N81991"
    assert message.source.key == "ods:RXA"
    assert message.professional.name == "Helen Marsh"
    assert message.professional.role.endswith("Health Visitor")
    assert message.professional.phone == "01244 000101"
    assert message.review.place == "Example Children's Centre"


def test_scores_in_observations_of_the_bundle_read_as_contained_ones() -> None:
    bundle = a_review()
    panel = resource(bundle, "Observation")
    [score] = panel.pop("contained")
    bundle["entry"].append({"fullUrl": "https://a.example/Observation/1", "resource": score})
    for reference in (f"Observation/{score['id']}", "https://a.example/Observation/1/_history/2"):
        panel["related"][0]["target"]["reference"] = reference
        assert read(bundle).message.review.asq3.scores[0].score == 25


def test_what_is_retracted_may_say_that_it_was_entered_in_error() -> None:
    for action, refused in (("delete", False), ("update", True)):
        bundle = a_review(action=action)
        panel = resource(bundle, "Observation")
        panel["status"] = panel["contained"][0]["status"] = "entered-in-error"
        if refused:
            where = place(bundle, "Observation")
            assert set(faults(bundle)) == {f"{where}.status", f"{where}.contained[0].status"}
        else:
            assert read(bundle).message.action == "retract"


def test_without_its_action_a_message_is_refused() -> None:
    bundle = a_review()
    del bundle["entry"][0]["resource"]["extension"]
    assert faults(bundle)["Bundle"][0] == "required"
    assert [*faults(a_review(action="destroy"))] == [
        "Bundle.entry[0].resource.extension[0].valueCodeableConcept.coding[0]"
    ]


def test_the_id_is_the_headers_else_its_address_else_the_bundles() -> None:
    bundle = a_review()
    header = bundle["entry"][0]
    assert read(bundle).message.id == HEADER.removeprefix("urn:uuid:")
    header["resource"]["id"] = "header-1"
    assert read(bundle).message.id == "header-1"
    del header["resource"]["id"]
    header["fullUrl"] = "https://sender.example/MessageHeader/5"
    bundle["id"] = "bundle-1"
    assert read(bundle).message.id == "bundle-1"
    bundle["identifier"] = {"system": "https://sender.example", "value": "message 77"}
    assert read(bundle).message.id == "message 77"


def test_sequence_and_time_of_change_order_the_versions() -> None:
    bundle = a_review()
    header = bundle["entry"][0]["resource"]
    header["meta"] = {"versionId": "7", "lastUpdated": "2026-11-18T16:30:00+01:00"}
    message = read(bundle).message
    assert (message.sequence, message.sent.isoformat()) == (7, "2026-11-18T15:30:00+00:00")
    header["meta"] = {"versionId": "v7"}
    message = read(bundle).message
    assert (message.sequence, message.sent.isoformat()) == (None, "2026-11-18T15:00:00+00:00")


def test_an_instant_becomes_the_day_in_london() -> None:
    bundle = a_review()
    resource(bundle, "Encounter")["period"]["start"] = "2026-06-30T23:30:00Z"
    assert read(bundle).message.review.date.isoformat() == "2026-07-01"


def test_blanks_round_codes_and_old_comments_are_borne() -> None:
    bundle = a_review()
    event = bundle["entry"][0]["resource"]["event"]
    event["code"] = "\u200bCH004\u00a0"
    bundle["fhir_comments"] = ["x"]
    resource(bundle, "Patient")["fhir_comments"] = "an old habit"
    score = resource(bundle, "Observation")["contained"][0]
    score["code"]["coding"][0]["code"] = f" {COMMUNICATION_30}\u200b"
    score["fhir_comments"] = ["Communication"]
    assert read(bundle).message.review.asq3.scores[0].domain == "communication"


def test_a_code_that_no_map_has_is_kept_word_for_word_and_listed() -> None:
    unknown = coding(SNOMED, "953999000000105", "A questionnaire to come")
    bundle = a_review(encounter_type="0010")
    score = a_score("953999000000105", 20)
    score["code"]["coding"] = [unknown]
    panel = resource(bundle, "Observation")
    panel["contained"].append(score)
    panel["related"].append(
        {"type": "derived-from", "target": {"reference": "#score-953999000000105"}}
    )
    parsed = read(bundle)
    kept = parsed.message.review.asq3.scores[1]
    assert (kept.domain, kept.score, kept.code) == (None, 20, Coding(**unknown))
    review = parsed.message.review
    assert (review.type, review.type_code.code) == (None, "0010")
    assert parsed.unmapped == (review.type_code, kept.code)


def test_the_code_of_another_scale_is_kept_word_for_word() -> None:
    bundle = a_review()
    other = a_score("1199999999997", 40)
    bundle["entry"].append({"resource": other})
    parsed = read(bundle)
    assert [code.code for code in parsed.message.review.other_codes] == ["1199999999997"]
    assert [code.code for code in parsed.unmapped] == ["1199999999997"]


def test_an_encounter_that_did_not_take_place_is_refused_with_its_scores() -> None:
    bundle = a_review()
    resource(bundle, "Encounter")["status"] = "cancelled"
    where = f"{place(bundle, 'Encounter')}.status"
    assert faults(bundle) == {where: ("value", "is not one of `finished`, `entered-in-error`")}


def test_a_score_that_is_no_number_is_refused_where_it_stands() -> None:
    for wrong in ({"valueQuantity": {"value": "25"}}, {"valueQuantity": {"value": 61}},
                  {"valueQuantity": {"value": 20, "comparator": "<"}}, {"valueString": "25"}):  # fmt: skip
        bundle = a_review()
        score = resource(bundle, "Observation")["contained"][0]
        del score["valueQuantity"]
        score.update(wrong)
        where = f"{place(bundle, 'Observation')}.contained[0].value"
        assert all(pointer.startswith(where) for pointer in faults(bundle)), wrong


def test_a_sensitive_record_is_restricted() -> None:
    bundle = a_review()
    assert read(bundle).message.sharing.restricted is None
    confidentiality = "http://hl7.org/fhir/v3/Confidentiality"
    resource(bundle, "Patient")["meta"] = {"security": [coding(confidentiality, "R")]}
    assert read(bundle).message.sharing.restricted is True


def test_the_organisation_may_stand_behind_a_responsible_practitioner() -> None:
    bundle = a_review()
    practitioner = resource(bundle, "Encounter")
    header = bundle["entry"][0]["resource"]
    header["responsible"] = resource(bundle, "Observation")["performer"][0]
    assert practitioner["serviceProvider"]
    assert read(bundle).message.source.key == "ods:RXA"


def test_what_is_lacking_is_told_with_where_it_is_read() -> None:
    bundle = a_review()
    del resource(bundle, "Encounter")["period"]
    del resource(bundle, "Encounter")["subject"]
    found = faults(bundle)
    assert found["Bundle"] == (
        "required",
        "has no Patient to whom its focus leads; a message is about one child",
    )
    assert found[place(bundle, "Encounter")] == (
        "required",
        "lacks `review.date`, which is read from %focus.period.start",
    )


def test_the_example_is_a_review_at_thirty_months() -> None:
    message = read(example("stu3/CH004.json")).message
    assert [score.score for score in message.review.asq3.scores] == [25, 50, 40, 45, 50]
    assert {score.questionnaire_months for score in message.review.asq3.scores} == {30}
