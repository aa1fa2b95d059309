"""A new version reaches each agency that had the earlier one, and nobody who may not have it."""

import pytest

from tests.builders import (
    AGREED_WITH_SETTING,
    DAY,
    OPINION,
    PRACTICE,
    SETTING,
    UPN,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_review,
    changed,
)
from tests.integration.intake.bundles import (
    a_review_without_scores,
    assessment_scales,
    scores_in,
)
from tests.integration.intake.desk import later, told

PRACTICE_SERVICE = f"practice-{PRACTICE}".lower()
SETTING_SERVICE = f"setting-{SETTING}"
SEN_TEAM = "cwac-early-years-sen-team"


def three_know(desk):
    """A review of which practice, setting and SEN team have been told."""
    review = a_probable_sen_review(sharing={"opinion": OPINION, "agreement": AGREED_WITH_SETTING})
    desk.send(review)
    assert told(desk.read()) == [
        (SEN_TEAM, "created"),
        (PRACTICE_SERVICE, "created"),
        (SETTING_SERVICE, "created"),
    ]
    return review


# What changes


def test_an_update_reaches_each_agency_that_had_the_earlier_version_in_full(desk):
    review = three_know(desk)
    receipt = desk.send(later(review, child=a_child(familyName="Ashdown-Reed")))
    events = desk.read()
    assert told(events) == [
        (SEN_TEAM, "updated"),
        (PRACTICE_SERVICE, "updated"),
        (SETTING_SERVICE, "updated"),
    ]
    for event in events:
        assert event["sequence"] == "0000000002"
        assert event["data"]["fields"]["child"]["familyName"] == "Ashdown-Reed"
        assert event["data"]["fields"]["child"]["givenNames"] == [
            "Maya",
            "Rose",
        ]  # not only a delta
        assert event["data"]["basis"]
    assert receipt.record.version == 2


def test_who_sees_nothing_new_hears_nothing(desk):
    review = three_know(desk)
    scores = changed(later(review), "review.asq3.scores.0.score", 10)
    receipt = desk.send(scores)  # only the practice sees scores
    assert told(desk.read()) == [(PRACTICE_SERVICE, "updated")]
    assert [note for note in receipt.notes if "2 receiver(s) already know" in note]


def test_the_same_content_under_a_new_id_tells_nobody_again(desk):
    review = three_know(desk)
    before = desk.counts()["alert"]
    receipt = desk.send(later(review))
    assert receipt.record.version == 2
    assert receipt.alerts == ()
    assert desk.due() == []
    assert desk.counts()["alert"] == before


def test_a_file_with_the_same_sen_notice_next_term_makes_nothing_new(desk):
    desk.send(a_notice())
    assert told(desk.read()) == [("cwac-inclusion-team", "created")]
    receipt = desk.send(a_notice(sent="2026-11-23T08:00:00+00:00"))
    assert receipt.alerts == ()
    assert desk.due() == []
    assert desk.counts()["record"] == 1


# Who may no longer know


def test_agreement_that_is_withdrawn_withdraws_what_rested_on_it_alone(desk):
    review = three_know(desk)
    withdrawn = {**AGREED_WITH_SETTING, "status": "withdrawn"}
    receipt = desk.send(later(review, sharing={"opinion": OPINION, "agreement": withdrawn}))
    [event] = desk.read("education")
    assert told([event]) == [(SETTING_SERVICE, "withdrawn")]
    assert event["type"] == "healthy-child-review.withdrawn.v1"
    assert event["data"].keys() <= {"change", "kind", "agency", "service", "urgency"}
    [alert] = receipt.alerts
    assert (alert.change, alert.basis) == ("withdrawn", None)
    [row] = [row for row in desk.rows("alert") if row["type"] == "withdrawn"]
    assert row["routing_key"] == "education.healthy-child-review.none.routine"


def test_what_was_never_attempted_is_taken_back_in_silence(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read("health")
    receipt = desk.send(later(review, sharing={}))  # the setting's alert was still waiting
    assert receipt.alerts == ()
    assert desk.due() == []
    assert desk.read("education") == []


def test_what_was_attempted_and_never_acknowledged_is_withdrawn(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read("education", acknowledge=False)
    desk.send(later(review, sharing={}))
    assert told(desk.read("education")) == [(SETTING_SERVICE, "withdrawn")]


def test_who_is_told_again_after_that_is_told_as_of_something_new(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    first = desk.read("education")
    desk.send(later(review, 30, sharing={}))
    second = desk.read("education")
    desk.send(later(review, 40))
    third = desk.read("education")
    assert told(third) == [(SETTING_SERVICE, "created")]
    assert len({event["subject"] for event in first + second + third}) == 1
    assert [event["sequence"] for event in first + second + third] == [
        "0000000001",
        "0000000002",
        "0000000003",
    ]
    assert third[0]["data"]["fields"] == first[0]["data"]["fields"]


def test_who_never_saw_the_withdrawal_is_told_of_an_update(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read("education")
    desk.send(later(review, 30, sharing={}))
    desk.send(later(review, 40))
    assert told(desk.due()) == [(PRACTICE_SERVICE, "created"), (SETTING_SERVICE, "updated")]


def test_a_withdrawal_is_neither_repeated_nor_lost(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read()
    desk.send(later(review, 30, sharing={}))
    desk.send(later(review, 40, sharing={}))
    [event] = desk.read("education", acknowledge=False)
    assert (event["data"]["change"], event["sequence"]) == ("withdrawn", "0000000002")
    desk.send(later(review, 50, sharing={}))
    assert desk.read("education") == [event]


def test_who_was_told_anew_but_not_reached_has_nothing_withdrawn(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read()
    desk.send(later(review, 30, sharing={}))
    desk.read()
    desk.send(later(review, 40))
    desk.send(later(review, 50, sharing={}))
    assert desk.read("education") == []


def test_a_child_who_moves_to_another_practice_is_withdrawn_there_and_told_here(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(later(review, child=a_child(generalPractice="N81994")))
    events = desk.read("health")
    assert told(events) == [("practice-n81992", "withdrawn"), ("practice-n81994", "created")]
    assert len({event["subject"] for event in events}) == 2


def test_a_child_who_moves_back_is_told_there_anew(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(later(review, 30, child=a_child(generalPractice="N81994")))
    desk.read()
    desk.send(later(review, 40))
    assert told(desk.read()) == [("practice-n81992", "created"), ("practice-n81994", "withdrawn")]


# What is still on its way


def test_a_new_version_supersedes_what_is_still_due(desk):
    review = a_review()
    first = desk.send(review)
    desk.send(changed(later(review), "review.nextStep", "Newer"))
    [event] = desk.read()
    assert event["data"]["fields"]["review"]["nextStep"] == "Newer"
    assert event["data"]["change"] == "created"  # nobody has seen the first
    assert [a.state for a in desk.follow(first).alerts] == ["superseded"]


def test_a_new_version_leaves_alone_what_is_due_to_others(desk):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.send(changed(later(review), "review.asq3.scores.0.score", 10))
    assert [event["sequence"] for event in desk.read("education")] == ["0000000001"]
    assert [event["sequence"] for event in desk.read("health")] == ["0000000002"]


# The order is the senders', not the wire's


def test_a_message_that_comes_late_does_not_overwrite_a_newer_one(desk):
    review = a_review()
    newer = changed(later(review), "review.nextStep", "Newer")
    desk.send(newer)
    receipt = desk.send(review)
    assert receipt.record.version == 2
    assert receipt.alerts == ()
    [event] = desk.read()
    assert event["data"]["fields"]["review"]["nextStep"] == "Newer"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_the_state_does_not_depend_on_the_order_of_arrival(desk, order):
    review = a_review(sharing={"agreement": AGREED_WITH_SETTING})
    versions = [
        review,
        later(review, 30, sharing={}),
        later(review, 40, child=a_child(generalPractice="N81994")),
    ]
    for index in order:
        desk.send(versions[index])
    assert told(desk.due()) == [("practice-n81994", "created"), (SETTING_SERVICE, "created")]


def test_the_look_up_of_a_child_follows_what_stands_not_what_came_last(desk):
    wrong = a_review(record="review-1", child=a_child(nhsNumber="9990001014"))
    right = later(wrong, child=a_child())
    receipt = desk.send(right)
    desk.send(wrong)
    ref = desk.codec.ref("child", "nhs-number", a_child()["nhsNumber"])
    found = desk.journal.read(lambda tx: tx.records_of_child(ref))
    assert [record.ref for record in found] == [desk.record(receipt)]


# Parts of one record, and records of several sources


@pytest.mark.parametrize("first", ["typed", "untyped"])
def test_a_part_without_type_joins_that_days_only_record(desk, first):
    typed = (a_review_without_scores(), "json")
    untyped = (assessment_scales("scales-1", child=a_child(), score=12.5), "fhir")
    for message, media in (typed, untyped) if first == "typed" else (untyped, typed):
        desk.send(message, media)
    assert desk.counts()["record"] == 1
    [event] = desk.due()
    assert event["data"]["fields"]["review"]["type"] == "two-year-review"
    assert scores_in(event) == [12.5]


def test_a_second_type_on_that_day_is_a_record_of_its_own(desk):
    desk.send(assessment_scales("scales-1", child=a_child()), "fhir")
    first = desk.send(a_review())
    second = desk.send(changed(a_review(), "review.type", "early-years-progress-check"))
    assert second.record.id != first.record.id
    assert {e["data"]["fields"]["review"]["type"] for e in desk.due()} == {
        "two-year-review",
        "early-years-progress-check",
    }


def test_a_part_without_type_stays_where_it_joined_when_another_type_comes(desk):
    first = desk.send(a_review_without_scores())
    desk.send(assessment_scales("scales-1", child=a_child(), score=12.5), "fhir")
    desk.send(changed(a_review_without_scores(), "review.type", "early-years-progress-check"))
    corrected = assessment_scales(
        "scales-2", child=a_child(), score=20, event="update", sent=f"{DAY}T16:00:00+00:00"
    )
    assert desk.send(corrected, "fhir").record.id == first.record.id
    assert desk.counts()["record"] == 2
    [event] = [e for e in desk.due() if e["data"]["fields"]["review"]["type"] == "two-year-review"]
    assert scores_in(event) == [20]


def test_an_update_without_type_replaces_its_own_part_only(desk):
    desk.send(changed(a_review_without_scores(), "review.nextStep", "See again"))
    desk.send(assessment_scales("scales-1", child=a_child(), score=12.5), "fhir")
    update = assessment_scales(
        "scales-2", child=a_child(), score=20, event="update", sent=f"{DAY}T16:00:00+00:00"
    )
    desk.send(update, "fhir")
    [event] = desk.due()
    assert scores_in(event) == [20]
    assert event["data"]["fields"]["review"]["nextStep"] == "See again"


def test_two_schools_that_report_one_start_of_support_make_one_record(desk):
    desk.send(a_notice())
    both = a_notice(
        source={"urn": "199902"},
        sent=f"{DAY}T16:00:00+00:00",
        child=a_child(upn=UPN, birthDate="2020-09-30", setting={"urn": "199902"}),
    )
    desk.send(both)
    assert desk.counts()["record"] == 1
    [event] = desk.read()
    assert event["data"]["sender"]["organisation"] == "urn:199902"
