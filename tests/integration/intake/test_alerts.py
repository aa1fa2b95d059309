"""What an agency reads is a valid CloudEvent, and what was decided can be shown afterwards."""

import re
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from jsonschema import Draft202012Validator

from gateway.json_schemas import json_schema
from tests.builders import (
    DAY,
    OPINION,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_referral,
    a_report,
    a_review,
    a_safeguarding_referral,
    an_early_help_request,
    an_ehc_request,
)
from tests.integration.intake.desk import later

BUILDERS = (
    a_probable_sen_review,
    a_report,
    a_notice,
    a_referral,
    an_ehc_request,
    an_early_help_request,
    a_safeguarding_referral,
)
DATA = Draft202012Validator(
    json_schema("alert"), format_checker=Draft202012Validator.FORMAT_CHECKER
)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_every_alert_is_a_cloudevent_whose_data_fits_the_published_schema(desk, build):
    message = build()
    desk.send(message)
    events = desk.read()
    desk.send(later(message, 30, child={**message["child"], "familyName": "Ashdown-Reed"}))
    events += desk.read()
    desk.send(later(message, 40, action="retract", retractReason="cancelled"))
    events += desk.read()
    assert {event["data"]["change"] for event in events} == {"created", "updated", "withdrawn"}

    alerts = {row["id"]: row for row in desk.rows("alert")}
    for event in events:
        assert event.keys() == {
            "specversion", "id", "source", "type", "subject", "sequence", "time",
            "datacontenttype", "dataschema", "data",
        }  # fmt: skip
        assert event["specversion"] == "1.0"
        assert event["source"] == "https://gateway.example"
        assert event["dataschema"] == "https://gateway.example/schemas/alert"
        assert event["datacontenttype"] == "application/json"
        data = event["data"]
        assert event["type"] == f"{message['kind']}.{data['change']}.v1"
        assert abs((datetime.fromisoformat(event["time"]) - datetime.now(UTC)).total_seconds()) < 60
        assert re.fullmatch(r"\d{10}", event["sequence"])
        assert UUID(event["subject"])
        row = alerts[event["id"]]
        assert (row["thread_id"], row["sequence"]) == (event["subject"], int(event["sequence"]))
        assert [str(fault) for fault in DATA.iter_errors(data)] == []
        agency, kind, _, urgency = row["routing_key"].split(".")
        assert (agency, kind, urgency) == (data["agency"], message["kind"], data["urgency"])


def test_the_key_names_the_area_none_or_several(desk):
    for number, areas in enumerate(
        (
            [],
            ["communication-and-interaction"],
            ["cognition-and-learning", "sensory-and-or-physical"],
        )
    ):
        desk.send(
            a_probable_sen_review(
                child=a_child(nhsNumber=("9990001006", "9990001014", "9990001022")[number]),
                conclusions=[{"kind": "probable-sen-or-disability", "areas": areas}],
            )
        )
    keys = [row["routing_key"] for row in desk.rows("alert") if row["basis"] == "s23"]
    assert sorted(key.split(".")[2] for key in keys) == [
        "communication-and-interaction",
        "none",
        "several",
    ]


# What can be shown afterwards


def test_the_decision_says_policy_title_and_version_route_basis_and_recipient(desk):
    receipt = desk.send(a_probable_sen_review(sharing={}))
    [version] = desk.journal.read(lambda tx: tx.versions(desk.record(receipt)))
    decision = orjson.loads(version.decision)
    assert decision["policy"] == {"title": "Default sharing policy", "version": "1"}
    [told] = decision["alerts"]
    assert told.items() >= {"route": "A", "basis": "direct-care", "agency": "health"}.items()
    [held] = decision["holds"]
    assert held.items() >= {"route": "C", "basis": "s23", "reason": "condition-missing"}.items()


def test_why_it_was_shared_can_still_be_shown_once_it_is_retracted(desk):
    review = a_probable_sen_review()
    receipt = desk.send(review)
    desk.read()
    desk.send(later(review, action="retract", retractReason="entered-in-error"))
    first, _ = desk.journal.read(lambda tx: tx.versions(desk.record(receipt)))
    assert first.decision
    decision = orjson.loads(first.decision)
    assert decision["policy"]["version"] == "1"
    assert {alert["basis"] for alert in decision["alerts"]} == {"direct-care", "s23"}


def test_the_alert_itself_says_on_which_ground_it_goes(desk):
    desk.send(a_probable_sen_review())
    [event] = desk.read("education")
    basis = event["data"]["basis"]
    assert basis["id"] == "s23"
    assert basis["power"] == "Children and Families Act 2014 s.23"
    assert basis["confidence"]
    assert basis["ukGdpr"]


def test_a_childs_records_are_found_by_the_keyed_hash_and_no_other_childs(desk):
    child = a_child(nhsNumber="9990001030")
    report = desk.send(a_report(child=child))
    review = desk.send(a_probable_sen_review(child=child, sharing={"opinion": OPINION}))
    desk.send(a_review())
    ref = desk.codec.ref("child", "nhs-number", "9990001030")
    found = desk.journal.read(lambda tx: tx.records_of_child(ref))
    assert sorted(record.ref for record in found) == sorted(map(desk.record, (report, review)))


@pytest.mark.parametrize("harm_first", [True, False])
def test_harm_under_an_identifier_that_a_referral_has_is_a_record_of_its_own(desk, harm_first):
    harm = a_safeguarding_referral(sent=f"{DAY}T15:{'10' if harm_first else '50'}:00+00:00")
    referral = a_referral(sent=f"{DAY}T15:30:00+00:00")
    referral["referral"]["identifier"] = harm["referral"]["identifier"]
    both = [harm, referral] if harm_first else [referral, harm]
    assert [desk.send(message).record.version for message in both] == [1, 1]
    assert [event["data"]["change"] for event in desk.read("social-care")] == ["created"]
    assert [event["data"]["change"] for event in desk.read()] == ["created"]
