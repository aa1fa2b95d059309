"""A retraction reaches everyone who was told, and nobody else."""

import pytest

from gateway.intake import Repeated
from tests.builders import (
    AGREED_WITH_SETTING,
    DAY,
    OPINION,
    PRACTICE,
    SETTING,
    a_notice,
    a_probable_sen_review,
    a_report,
    a_review,
    a_safeguarding_referral,
)
from tests.integration.intake.desk import retracted, told


def test_everyone_who_was_told_hears_of_it_and_nobody_else(desk):
    review = a_probable_sen_review(sharing={"opinion": OPINION, "agreement": AGREED_WITH_SETTING})
    desk.send(review)
    desk.read("health")
    desk.read("education")
    receipt = desk.send(retracted(review))
    assert told(desk.read()) == [
        ("cwac-early-years-sen-team", "withdrawn"),
        (f"practice-{PRACTICE}".lower(), "withdrawn"),
        (f"setting-{SETTING}", "withdrawn"),
    ]
    assert {alert.change for alert in receipt.alerts} == {"withdrawn"}


def test_a_retraction_says_nothing_about_the_child(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(retracted(review))
    [event] = desk.due()
    assert event["data"] == {
        "change": "withdrawn",
        "kind": "healthy-child-review",
        "agency": "health",
        "service": {
            "id": f"practice-{PRACTICE}".lower(),
            "title": "Boat Museum Example Medical Centre",
        },
        "urgency": "routine",
    }


def test_no_receipt_says_that_nobody_was_told_where_somebody_was(desk):
    review = a_review()
    first = desk.send(review)
    desk.read()
    second = desk.send(retracted(review))
    for receipt in (second, desk.follow(first), desk.follow(second)):
        assert receipt.alerts
        assert not [note for note in receipt.notes if "nobody is told" in note]


def test_a_retraction_by_record_key_alone_is_enough(desk):
    report = a_report(record="report-1")
    desk.send(report)
    desk.read()
    bare = retracted(report)
    del bare["report"], bare["child"]
    desk.send(bare)
    assert [change for _, change in told(desk.read())] == ["withdrawn"]


def test_what_was_retracted_and_is_sent_anew_is_told_again(desk):
    review = a_review()
    desk.send(review)
    desk.read()
    desk.send(retracted(review))
    desk.read()
    desk.send({**review, "id": "anew", "sent": f"{DAY}T16:00:00+00:00"})
    [event] = desk.read()
    assert (event["data"]["change"], event["sequence"]) == ("created", "0000000003")


def test_a_concern_about_harm_that_was_overtaken_is_refused_and_never_swallowed(desk):
    message = a_safeguarding_referral()
    desk.send(retracted(message))
    with pytest.raises(Repeated, match="Nothing was accepted"):
        desk.send(message)


@pytest.mark.parametrize("build", [a_review, a_report, a_notice])
def test_a_retraction_that_comes_before_its_message_holds(desk, build):
    message = build()
    desk.send(retracted(message))
    receipt = desk.send(message)
    assert receipt.alerts == ()
    assert desk.read() == []
    assert desk.blobs() == []


def test_another_sources_retraction_does_not_touch_the_record(desk):
    notice = a_notice()
    desk.send(notice)
    desk.read()
    desk.send(retracted(notice, source={"urn": "199902"}))
    report = a_report()
    desk.send(report)
    desk.read()
    desk.send(retracted(report, source={"odsCode": "RJN"}))
    assert desk.due() == []


def test_after_a_retraction_nothing_of_the_child_stays_where_nothing_went_out(desk):
    review = a_review()
    desk.send(review)
    desk.send(retracted(review))  # before anybody has read
    assert desk.due() == []
    assert "Ashdown" not in "\n".join(desk.blobs())
