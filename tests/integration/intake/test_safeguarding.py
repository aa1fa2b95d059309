"""A safeguarding referral goes to the front door, at once and alone, and is never held in silence."""

from base64 import b64encode

import pytest

from adapters.errors import Refused
from gateway.service import Service
from gateway.settings import Settings
from tests.builders import (
    AGREED_WITH_SETTING,
    DAY,
    HARM,
    OPINION,
    a_child,
    a_review,
    a_safeguarding_referral,
    changed,
)
from tests.integration.intake.desk import told
from tests.integration.journal.conftest import SECRET

FRONT_DOOR = "cwac-iart"
NUMBERS = ("0300 123 7047", "01244 977277")


def later(message, minute=30, **changes):
    sent = f"{DAY}T15:{minute}:00+00:00"
    return {
        **message,
        "id": f"{message['id']}-{minute}",
        "sent": sent,
        "action": "update",
        **changes,
    }


def retracted(message, **changes):
    return later(
        message, 50, **{"action": "retract", "retractReason": "entered-in-error", **changes}
    )


# What the sender is told


def test_its_receipt_says_not_delivered_with_both_numbers(desk):
    receipt = desk.send(a_safeguarding_referral())
    assert "NOT DELIVERED" in receipt.warning
    assert all(number in receipt.warning for number in NUMBERS)
    assert (receipt.telephone.front_door, receipt.telephone.night_team) == NUMBERS


def test_it_says_so_until_the_front_door_has_taken_it_and_then_that_nobody_may_have_opened_it(desk):
    referral = a_safeguarding_referral()
    receipt = desk.send(referral)
    assert "NOT DELIVERED" in desk.follow(receipt).warning
    desk.read("social-care", acknowledge=False)
    assert "NOT DELIVERED" in desk.answer(referral).receipt.warning
    desk.read("social-care")
    after = desk.follow(receipt)
    assert "NOT DELIVERED" not in after.warning
    assert "queue" in after.warning
    assert "not known" in after.warning
    assert after.telephone == receipt.telephone


def test_an_earlier_version_is_delivered_once_the_one_that_superseded_it_is(desk):
    referral = a_safeguarding_referral()
    first = desk.send(referral)
    desk.send(changed(later(referral), "referral.safeguarding.parentsKnow", True))
    assert "NOT DELIVERED" in desk.follow(first).warning
    desk.read("social-care")
    assert "NOT DELIVERED" not in desk.follow(first).warning


def test_a_version_that_says_nothing_new_is_delivered_once_the_first_is(desk):
    referral = a_safeguarding_referral()
    desk.send(referral)
    second = desk.send(later(referral))
    assert "NOT DELIVERED" in second.warning
    desk.read("social-care")
    assert "NOT DELIVERED" not in desk.follow(second).warning


def test_its_retraction_warns_of_nothing(desk):
    referral = a_safeguarding_referral()
    desk.send(referral)
    desk.read()
    receipt = desk.send(retracted(referral))
    assert receipt.warning is None
    assert told(desk.read()) == [(FRONT_DOOR, "withdrawn")]


# Who is told


def test_it_is_due_to_the_front_door_with_an_urgent_key(desk):
    receipt = desk.send(a_safeguarding_referral())
    assert [(a.agency, a.service, a.basis, a.urgency) for a in receipt.alerts] == [
        ("social-care", FRONT_DOOR, "harm", "urgent")
    ]
    [row] = desk.rows("alert")
    assert row["routing_key"] == "social-care.referral.none.urgent"


def test_it_comes_before_what_is_routine(desk):
    worry = {"kind": "family-support"}
    agreement = {
        "status": "given",
        "recipients": ["front-door"],
        "purposes": ["early-help"],
        "capacity": "parental-responsibility",
    }
    desk.send(a_review(conclusions=[worry], sharing={"agreement": agreement}))
    desk.send(a_safeguarding_referral())
    assert [e["data"]["urgency"] for e in desk.read("social-care")] == ["urgent", "routine"]


CONCLUDED = [
    {"kind": "significant-harm"},
    {"kind": "probable-sen-or-disability"},
    {"kind": "family-support"},
]
AGREED_WITH_ALL = {
    **AGREED_WITH_SETTING,
    "recipients": ["setting", "front-door", "early-years-sen-team", "ods:8Z911"],
    "purposes": ["support-in-setting", "early-help", "special-educational-needs", "other-support"],
}


def test_it_goes_to_the_front_door_alone_whatever_else_it_concludes_or_was_agreed(desk):
    sharing = {"harm": HARM, "opinion": OPINION, "agreement": AGREED_WITH_ALL}
    child = a_child(lookedAfter={"authority": "896"})
    receipt = desk.send(
        a_safeguarding_referral(sharing=sharing, conclusions=CONCLUDED, child=child)
    )
    assert [(alert.route, alert.service) for alert in receipt.alerts] == [("J", FRONT_DOOR)]
    assert {(held.reason, held.service) for held in receipt.held} <= {("no-route", None)}
    assert told(desk.due()) == [(FRONT_DOOR, "created")]


@pytest.mark.parametrize(
    "changes",
    [
        {"sharing": {"harm": HARM, "agreement": {"status": "refused"}}},
        {"sharing": {"harm": HARM, "disagreement": True}},
        {"sharing": {"harm": HARM, "restricted": True}},
        {"child": {}},
    ],
    ids=["refused", "disagreement", "restricted", "child unknown"],
)
def test_nothing_holds_it(desk, changes):
    receipt = desk.send(a_safeguarding_referral(**changes))
    assert receipt.held == ()
    assert told(desk.due()) == [(FRONT_DOOR, "created")]


def test_a_home_elsewhere_is_flagged_and_what_is_missing_is_marked(desk):
    harm = {"by": HARM["by"], "cause": HARM["cause"]}
    child = a_child(address={"postcode": "CH4 0ZX"})
    desk.send(a_safeguarding_referral(sharing={"harm": harm}, child=child))
    [event] = desk.due()
    flags = " ".join(event["data"]["flags"])
    assert "outside this area" in flags
    assert "when the front door was telephoned" in flags
    assert "whether the parents were told" in flags


def test_without_a_cause_it_is_refused_and_nobody_is_told_that_it_was_taken(desk):
    with pytest.raises(Refused):
        desk.send(changed(a_safeguarding_referral(), "sharing.harm.cause", None))
    assert desk.counts() == {"refused": 1}


# Who may see its receipt


def test_only_the_key_that_sent_it_sees_its_receipt(desk, database):
    submitter, colleague = desk.a_caller("ods:RXA"), desk.a_caller("ods:RXA")
    referral = a_safeguarding_referral(record="s-1")
    bare = retracted(referral)
    del bare["referral"], bare["child"], bare["sharing"]  # it names its record, and no more
    ids = [desk.send(message, caller=submitter).id for message in (referral, bare)]
    ids.append(desk.send(a_review(), caller=submitter).id)
    key = b64encode(SECRET).decode()
    service = Service(Settings(database_url=database, journal_key=key, amqp_url=None))
    try:
        assert [bool(service.follow(id, submitter)) for id in ids] == [True, True, True]
        assert [bool(service.follow(id, colleague)) for id in ids] == [False, False, True]
    finally:
        service.close()
