"""Of a restricted child nothing that shows where the child lives leaves, or stands in a column."""

import pytest

from tests.builders import (
    AGREED_WITH_SETTING,
    DAY,
    HARM,
    OPINION,
    a_child,
    a_probable_sen_review,
    a_referral,
    a_report,
    a_review,
    a_safeguarding_referral,
)
from tests.integration.intake.bundles import assessment_scales
from tests.integration.intake.desk import later, told

PARENT = {
    "name": "Sam Ashdown",
    "relationship": "mother",
    "phone": "07700 900123",
    "email": "s@x.example",
}
WORKER = {"name": "Lee Shore", "phone": "01606 555001", "organisation": {"odsCode": "N81992"}}
CHILD = a_child(responsiblePeople=[PARENT], leadPractitioner=WORKER)
WHERE = (
    "N81992",
    "n81992",
    "Boat Museum",
    "CH65",
    "Example Row",
    "9999011",
    "Little Acorns",
    "West Cheshire",
    "paediatrics-west",
    "900123",
    "s@x.example",
    "555001",
)


def shown(text):
    return [word for word in WHERE if word in text]


def restricted(build, **changes):
    sharing = {"opinion": OPINION, "agreement": AGREED_WITH_SETTING, "restricted": True}
    return build(**{"child": CHILD, "sharing": sharing, **changes})


def a_paediatric_referral(**changes):
    referral = a_referral(**changes)
    referral["referral"]["service"]["to"] = "paediatrics"
    return referral


@pytest.mark.parametrize(
    "build", [a_probable_sen_review, a_report, a_paediatric_referral], ids=lambda b: b.__name__
)
def test_everything_is_held_for_the_named_officer_and_no_place_is_named(desk, build):
    receipt = desk.send(restricted(build))
    assert desk.due() == []
    assert receipt.held
    assert {held.reason for held in receipt.held} == {"restricted"}
    for said in (receipt, desk.follow(receipt)):
        assert shown(said.model_dump_json()) == []
    assert shown(desk.columns()) == []


def test_who_was_told_before_is_withdrawn_and_the_receipt_names_nobody(desk):
    review = a_probable_sen_review(child=CHILD)
    desk.send(review)
    desk.read()
    hidden = restricted(a_probable_sen_review, id="hidden", sent=f"{DAY}T16:00:00+00:00")
    receipt = desk.send(hidden)
    assert {change for _, change in told(desk.read())} == {"withdrawn"}
    assert {alert.change for alert in receipt.alerts} == {"withdrawn"}
    for said in (receipt, desk.follow(receipt)):
        assert shown(said.model_dump_json()) == []


def test_harm_goes_without_a_trace_of_where_the_child_is(desk):
    sharing = {"harm": HARM, "restricted": True}
    receipt = desk.send(a_safeguarding_referral(child=CHILD, sharing=sharing))
    [event] = desk.due()
    assert shown(str(event)) == []
    assert "At home with her mother" not in str(event)
    assert "telephone the sender" in " ".join(event["data"]["flags"]).lower()
    assert shown(receipt.model_dump_json()) == []
    assert [alert.service for alert in receipt.alerts] == [None]


def test_an_earlier_receipt_of_harm_names_nobody_once_the_child_is_restricted(desk):
    referral = a_safeguarding_referral(child=CHILD)
    first = desk.send(referral)
    assert [alert.service for alert in desk.follow(first).alerts] == ["cwac-iart"]
    desk.send(later(referral, sharing={"harm": HARM, "restricted": True}))
    assert [alert.service for alert in desk.follow(first).alerts] == [None]


def test_its_count_says_no_authority_and_no_locality(desk):
    desk.send(restricted(a_review))
    [facts] = desk.journal.read(lambda tx: tx.uptake())
    assert (facts.authority, facts.locality) == ("unknown", "unknown")


def test_a_restriction_outlives_the_body_in_which_it_stood(desk):
    hidden = a_review(sharing={"restricted": True}, child=a_child(generalPractice=None))
    assert desk.send(hidden).status == "counted"
    scores = assessment_scales("scales-of-a-restricted", child=a_child())
    receipt = desk.send(scores, "fhir")
    assert receipt.alerts == ()
    assert {held.reason for held in receipt.held} == {"restricted"}
    assert desk.read() == []
