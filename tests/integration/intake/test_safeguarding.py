"""A safeguarding referral goes to the front door, at once and alone, and is never held in silence."""

from base64 import b64encode

from gateway.service import Service
from gateway.settings import Settings
from tests.builders import (
    a_review,
    a_safeguarding_referral,
    changed,
)
from tests.integration.intake.desk import later, retracted, told
from tests.integration.journal.conftest import SECRET

FRONT_DOOR = "cwac-iart"
# What the sender is told


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
