"""The same message is taken once, however often, in whatever bytes and wherever it is sent."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from adapters.errors import Refused
from gateway.caller import NotAllowed, Rights
from gateway.intake import Repeated
from schemas.message import KINDS
from tests.builders import DAY, PRACTICE, a_child, a_report, a_review, body, changed, tables
from tests.integration.intake.bundles import assessment_scales
from tests.integration.intake.desk import at_once, on_both, told
from tests.unit.adapters.fhir_writer import bundle_of

pytestmark = on_both

NOBODY_ELSE = Rights(frozenset(KINDS), frozenset())


def test_equal_bytes_are_answered_with_the_receipt_and_nothing_is_decided_again(desk):
    review = a_review()
    first = desk.answer(review)
    before = desk.counts()
    again = desk.answer(review)
    assert not first.repeated
    assert again.repeated
    assert again.receipt == first.receipt
    assert desk.counts() == before


def test_a_repeat_shows_the_receipt_as_it_stands_by_now(desk):
    review = a_review()
    assert [a.state for a in desk.send(review).alerts] == ["due"]
    desk.read()
    assert [a.state for a in desk.answer(review).receipt.alerts] == ["delivered"]


def test_the_order_of_keys_and_white_space_are_no_other_content(desk):
    review = a_review()
    first = desk.send(review)
    turned = orjson.dumps(dict(reversed(review.items())), option=orjson.OPT_INDENT_2)
    spelt = changed(review, "sent", "2026-11-17T16:20:00.000+01:00")  # the same instant
    for other in (turned, body(spelt)):
        again = desk.answer(other)
        assert (again.repeated, again.receipt.id) == (True, first.id)


def test_equal_bytes_are_a_repeat_even_where_they_are_understood_otherwise_by_now(desk):
    scales = assessment_scales("scales-1", child=a_child())
    first = desk.send(scales, "fhir")
    forgetful = replace(desk.intake.rules, tables=replace(tables(), asq3_by_code={}))
    desk.intake = replace(desk.intake, rules=forgetful)
    again = desk.answer(scales, "fhir")
    assert (again.repeated, again.receipt.id) == (True, first.id)


@pytest.mark.parametrize("first", ["json", "fhir"])
def test_one_content_under_one_id_and_event_is_one_message_in_json_and_in_fhir(desk, first):
    report = a_report(id="one-report")
    forms = {"json": report, "fhir": bundle_of(report)}
    second = "fhir" if first == "json" else "json"
    sent = desk.send(forms[first], first)
    again = desk.answer(forms[second], second)
    assert (again.repeated, again.receipt.id) == (True, sent.id)
    with pytest.raises(Repeated):
        desk.send(bundle_of(changed(report, "report.impact", "Another")), "fhir")


def test_another_event_under_the_same_id_is_another_message(desk):
    desk.send(a_review(id="one-header"))
    scales = assessment_scales("one-header", child=a_child())
    assert not desk.answer(scales, "fhir").repeated
    assert desk.answer(scales, "fhir").repeated


def test_another_source_under_the_same_id_sends_another_message(desk):
    desk.send(a_review(id="1"))
    assert not desk.answer(a_review(id="1", source={"odsCode": "RJR"})).repeated


def test_other_content_under_the_same_id_is_refused_and_changes_nothing(desk):
    review = a_review()
    desk.send(review)
    before = desk.counts()
    with pytest.raises(Repeated, match="under a new id, or under this id with a higher sequence"):
        desk.send(changed(review, "review.nextStep", "Another step"))
    assert desk.counts() == before
    assert len(desk.due()) == 1


def test_a_higher_sequence_under_the_same_id_is_a_new_version(desk):
    review = a_review()
    first = desk.send(review)
    desk.read()
    newer = changed(changed(review, "review.nextStep", "See again in May"), "sequence", 1)
    second = desk.send(newer)
    assert (second.record.id, second.record.version) == (first.record.id, 2)
    [event] = desk.read("health")
    assert event["data"]["fields"]["review"]["nextStep"] == "See again in May"
    assert told([event]) == [(f"practice-{PRACTICE}".lower(), "updated")]


@pytest.mark.parametrize("sequence", [2, 1, 0, None])
def test_a_sequence_that_is_not_higher_is_refused_with_other_content(desk, sequence):
    review = a_review(sequence=2)
    desk.send(review)
    other = changed(changed(review, "review.nextStep", "Another step"), "sequence", sequence)
    with pytest.raises(Repeated):
        desk.send(other)


def test_an_earlier_version_sent_again_is_a_repeat_and_overwrites_nothing(desk):
    first = a_review(sequence=1)
    second = changed(changed(first, "review.nextStep", "Newer"), "sequence", 2)
    receipt = desk.send(first)
    desk.send(second)
    again = desk.answer(first)
    assert (again.repeated, again.receipt.id) == (True, receipt.id)
    [event] = desk.due()
    assert event["data"]["fields"]["review"]["nextStep"] == "Newer"


def test_a_refused_message_uses_up_no_id(desk):
    review = a_review()
    with pytest.raises(Refused):
        desk.send(changed(review, "child.nhsNumber", "9990001007"))
    with pytest.raises(Refused):
        desk.send(body(review)[:-1])
    with pytest.raises(NotAllowed):
        desk.send(review, caller=replace(desk.caller, organisation="ods:RBT", rights=NOBODY_ELSE))
    assert not desk.answer(review).repeated


def test_one_message_sent_many_times_at_once_gives_one_record_and_one_set_of_alerts(desk):
    answers = desk.send_all([a_review(id="1")] * 20)
    assert sorted(a.repeated for a in answers) == [False] + [True] * 19
    assert len({a.receipt.id for a in answers}) == 1
    assert set(desk.counts().values()) == {1}


def test_one_message_sent_to_two_gateways_at_once_gives_one_record(desk, other_desk):
    review = a_review(id="1")
    answers = asyncio.run(at_once([(desk, review), (other_desk, review)] * 10))
    assert sorted(a.repeated for a in answers) == [False] + [True] * 19
    assert len({a.receipt.id for a in answers}) == 1
    assert desk.counts()["delivery"] == 1


def test_two_contents_under_one_id_at_two_gateways_at_once_are_one_message(desk, other_desk):
    review = a_review(id="1")
    other = changed(review, "review.date", "2026-11-16")
    answers = asyncio.run(at_once([(desk, review), (other_desk, other)] * 5))
    refused = [a for a in answers if isinstance(a, Repeated)]
    assert len(refused) == 5
    assert sum(not a.repeated for a in answers if a not in refused) == 1
    assert desk.counts()["record"] == 1


def test_updates_at_two_gateways_at_once_lose_nothing(desk, other_desk):
    updates = [
        a_review(sent=f"{DAY}T15:{minute}:00+00:00", action="update") for minute in range(20, 40)
    ]
    for minute, update in enumerate(updates, 20):
        update["review"]["nextStep"] = f"Step {minute}"
    asyncio.run(at_once((d, u) for d, u in zip([desk, other_desk] * 10, updates, strict=True)))
    assert desk.counts()["record"] == 1
    assert sorted(row["number"] for row in desk.rows("version")) == list(range(1, 21))
    [last] = desk.due()
    assert last["data"]["fields"]["review"]["nextStep"] == "Step 39"
    sequences = sorted(row["sequence"] for row in desk.rows("alert"))
    assert sequences == list(range(1, len(sequences) + 1))
