"""A review that arrives as several events of Digital Child Health, one message each."""

import copy
import json
from dataclasses import replace
from datetime import date
from random import Random

import pytest

from gateway.directory.model import DefaultSharing, DefaultStatement
from tests.builders import a_child, a_review
from tests.integration.intake.desk import told
from tests.unit.adapters.stu3_bundles import an_event, payload_of
from tests.unit.adapters.stu3_events import (
    PAYLOADS,
    a_referral,
    asq_se2,
    early_years_progress,
    legal_fact,
    plan,
    safety_alert,
)

WHOLE = ("CH004", "CH010", "CH016", "CH020", "CH022", "CH025", "CH026", "CH032")
"""The parts of one review by a health visitor."""
PRACTICE = "practice-n81991"
CHILD = a_child(
    nhsNumber="9990002053",
    givenNames=["Tess", "Mary"],
    familyName="Handbridge",
    birthDate="2024-05-10",
    address={"lines": ["9 Example Wharf"], "postcode": "CH1 0ZZ"},
    generalPractice="N81991",
)


def part(code, minute=0, action="new", payload=None, **changes):
    """One event of the review of 18 November, sent at a minute of its own."""
    given = copy.deepcopy(payload or PAYLOADS[code])
    sent = f"2026-11-18T15:{minute:02}:00+00:00"
    return an_event(code, given, id=f"{code}-{minute}", sent=sent, action=action, **changes)


def send(desk, *parts):
    return [desk.send(one, "fhir") for one in parts]


def shown(events):
    """The latest state that a practice was told."""
    return events[-1]["data"]["fields"]


@pytest.mark.parametrize("seed", range(4))
def test_eight_messages_in_any_order_are_one_record_and_one_thread(desk, seed):
    order = Random(seed).sample(range(8), 8)
    events = []
    for index in order:
        send(desk, part(WHOLE[index], index))
        events += desk.read()
    assert desk.counts()["record"] == desk.counts()["thread"] == 1
    assert desk.counts()["version"] == 8
    assert len({event["subject"] for event in events}) == 1
    assert [e["sequence"] for e in events] == [f"{n:010}" for n in range(1, len(events) + 1)]
    assert told(events[:1]) == [(PRACTICE, "created")]
    assert {e["data"]["change"] for e in events[1:]} == {"updated"}
    state = shown(events)
    assert state["review"]["asq3"]["scores"][0]["score"] == 25
    assert state["review"]["nextStep"] == "See again in three months"
    assert state["child"]["accessibleFormats"] == ["Requires large print"]


@pytest.mark.parametrize("seed", range(2))
def test_it_is_withdrawn_with_its_last_part_and_not_before(desk, seed):
    send(desk, *(part(code, minute) for minute, code in enumerate(WHOLE)))
    desk.read()
    *others, last = Random(seed).sample(WHOLE, 8)
    send(desk, *(part(code, 20 + n, "delete") for n, code in enumerate(others)))
    assert {change for _, change in told(desk.read())} <= {"updated"}
    send(desk, part(last, 30, "delete"))
    assert told(desk.read()) == [(PRACTICE, "withdrawn")]


def test_what_one_part_said_goes_with_it(desk):
    send(desk, part("CH004"), part("CH025", 1))
    send(desk, part("CH025", 2, "update", [plan() | {"description": "Ring the family"}]))
    [event] = desk.read()
    assert shown([event])["review"]["nextStep"] == "Ring the family"
    send(desk, part("CH025", 3, "delete"))
    [event] = desk.read()
    assert event["data"]["change"] == "updated"
    assert "nextStep" not in shown([event])["review"]
    assert shown([event])["review"]["asq3"]


def test_a_part_that_is_repeated_or_late_tells_nobody(desk):
    first = part("CH025", 1)
    send(desk, part("CH025", 2, "update", [plan() | {"description": "Ring the family"}]))
    desk.read()
    send(desk, first)
    assert desk.answer(first, "fhir").repeated
    assert desk.read() == []


def test_a_new_message_that_takes_the_place_of_another_is_asked_about(desk):
    send(desk, part("CH004"))
    [same, other] = send(desk, part("CH004", 1), part("CH004", 2, payload=[asq_se2()]))
    asked = [[q.pointer for q in receipt.questions] for receipt in (same, other)]
    assert ["/action" in pointers for pointers in asked] == [False, True]


def test_several_events_may_share_the_id_of_their_header(desk):
    parts = [part(code) for code in WHOLE]
    for one in parts:
        one["entry"][0]["resource"]["id"] = "publication-1"
    assert len({receipt.record.id for receipt in send(desk, *parts)}) == 1
    assert desk.counts()["message"] == 8


def test_consent_that_names_nobody_tells_no_setting(desk):
    receipt = desk.send(part("CH010", payload=[early_years_progress("Y")]), "fhir")
    assert {alert.agency for alert in receipt.alerts} == {"health"}
    assert told(desk.read()) == [(PRACTICE, "created")]


def test_a_recorded_plan_for_education_routes_nothing(desk):
    receipt = desk.send(part("CH032"), "fhir")
    assert {alert.agency for alert in receipt.alerts} == {"health"}
    assert receipt.areas == ()


def test_safety_and_legal_facts_are_shown_to_nobody(desk):
    """Neither in an alert, nor in the receipt of another part, nor by an address left in place."""
    words = (
        "canary",
        "risk",
        "legal",
        "child-protection",
        "childprotection",
        "protection plan",
        "lookedafter",
        "looked-after",
        "764841000000100",
    )
    before = send(desk, part("CH004"))[0]
    [event] = desk.read()
    assert "address" in shown([event])["child"]
    facts = [legal_fact("764841000000100"), legal_fact()]
    [alert] = send(desk, part("CH029", 1, payload=[safety_alert()]))
    send(desk, part("CH033", 2, payload=facts))
    after = send(desk, part("CH026", 3, payload=[payload_of("CH026")[0]]))[0]
    events = desk.read()
    assert "address" not in shown(events)["child"]
    seen = [*events, *(desk.follow(r).model_dump(mode="json") for r in (before, after))]
    for one in seen:
        assert not [word for word in words if word in json.dumps(one).lower()]
    assert "/review/safetyAlerts" in {question.pointer for question in alert.questions}


# The source's signed default, where a format has no place for the sharing statement


def test_a_signed_default_stands_for_what_the_message_cannot_state(desk):
    default = DefaultStatement(
        signed_by="Caldicott Guardian",
        on=date(2026, 10, 1),
        sharing=DefaultSharing(safe_contact="speak-to-sender-first"),
    )
    known = desk.intake.rules.directory
    source = known.organisation("ods:RXA").model_copy(update={"default_statement": default})
    organisations = {**known.organisation_by_key, "ods:RXA": source}
    changed_directory = replace(known, organisation_by_key=organisations)
    desk.intake = replace(
        desk.intake, rules=replace(desk.intake.rules, directory=changed_directory)
    )
    [receipt] = send(desk, part("CH004"))
    [event] = desk.read()
    assert shown([event])["sharing"] == {"safeContact": "speak-to-sender-first"}
    assert "/sharing/safeContact" in {question.pointer for question in receipt.questions}
    desk.send(a_review())  # JSON has a place for it: what is not stated is not stated
    [event] = desk.read()
    assert "sharing" not in shown([event])


# Referral


def test_a_referral_goes_to_the_service_asked_and_is_no_part_of_the_review(desk):
    review, referral = send(desk, part("CH004"), part("CH028", 1))
    assert review.record.id != referral.record.id
    assert [(a.route, a.agency, a.change) for a in referral.alerts] == [("D", "health", "created")]
    send(desk, part("CH028", 2, "update", [a_referral(priority="urgent")]))
    [gone] = send(desk, part("CH028", 3, "delete"))
    assert gone.record.id == referral.record.id
    assert "withdrawn" not in {change for _, change in told(desk.read())}  # none had been read


def test_the_referral_of_a_child_does_not_become_anothers(desk):
    """Identifiers left out: two children whose messages have the same addresses stay two."""
    other = part("CH028", 1, payload=[a_referral(identifier=None)])
    patient = next(
        e["resource"] for e in other["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    patient["identifier"][0]["value"] = "9990001006"
    first, second = send(desk, part("CH028", payload=[a_referral(identifier=None)]), other)
    assert first.record.id != second.record.id


def test_a_service_that_nobody_here_offers_is_held(desk):
    [receipt] = send(desk, part("CH028", payload=[a_referral("309625004")]))
    assert {held.reason for held in receipt.held} == {"recipient-unknown"}
