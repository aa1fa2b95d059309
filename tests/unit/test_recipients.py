"""Whom a route tells: the service that serves this child, as the directory has it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.directory import Directory
from tests.builders import a_child, a_probable_sen_review, a_referral, a_report, changed, directory
from tests.unit.policy.deciding import an_agreement, area_with, decided, outcome, the_alert

Document = dict[str, Any]
IN_2016 = ("directory.yaml", "[speech-therapy-today.yaml]", "[speech-therapy-2016.yaml]")


def referred(to: str, practice: str | None, postcode: str | None) -> Document:
    address = {"postcode": postcode} if postcode else None
    child = a_child(generalPractice=practice, address=address)
    return changed(a_referral(child=child), "referral.service.to", to)


def told(message: Document, area: Directory | None = None) -> tuple[str, bool]:
    """Return the service that a referral tells, and whether a person must look at the choice."""
    alert = the_alert(decided(message, area=area), "D")
    return alert.service.id, any("outward code" in flag for flag in alert.flags)


@pytest.mark.parametrize(
    ("practice", "postcode", "service", "flagged"),
    [
        ("N81995", "CH65 9ZZ", "paediatrics-vale-royal", False),  # practice before address
        ("N81991", None, "paediatrics-west", False),
        (None, "CW7 9ZZ", "paediatrics-vale-royal", False),  # then the full postcode
        ("A83627", "CW7 9ZZ", "paediatrics-vale-royal", False),
        (None, "CW7 1AA", "paediatrics-vale-royal", True),  # last, and flagged, the outward code
        (None, "CH65 1AA", "paediatrics-west", True),
    ],
)
def test_practice_first_full_postcode_second_outward_code_last_and_flagged(
    practice: str | None, postcode: str | None, service: str, flagged: bool
) -> None:
    assert told(referred("paediatrics", practice, postcode)) == (service, flagged)


@pytest.mark.parametrize(
    ("practice", "postcode"),
    [(None, None), (None, "EH1 1AA"), (None, "CH4 0ZX"), ("N81997", "CW1 0ZZ")],
)
def test_where_nobody_serves_the_child_it_is_held(
    practice: str | None, postcode: str | None
) -> None:
    decision = decided(referred("paediatrics", practice, postcode))
    assert outcome(decision, "D") == "recipient-unknown"


@pytest.mark.parametrize("practice", ["N81995", None])
def test_a_service_that_is_named_by_its_id_is_the_one_that_is_told(practice: str | None) -> None:
    assert told(referred("paediatrics-west", practice, None)) == ("paediatrics-west", False)


def test_moving_speech_therapy_is_an_edit_of_data_and_the_next_referral_goes_the_other_way() -> (
    None
):
    then, today = area_with(IN_2016), directory()
    for practice, was in [("N81991", "slt-west-2016"), ("N81995", "slt-vale-royal-2016")]:
        message = referred("speech-and-language-therapy", practice, "CH65 9ZZ")
        assert told(message, then) == (was, False)
        assert told(message, today) == ("slt-today", False)
    west, vale_royal = then.service("slt-west-2016"), then.service("slt-vale-royal-2016")
    assert west
    assert vale_royal
    assert {west.organisation, vale_royal.organisation} == {"ods:RXA", "ods:RJN"}, "two trusts"


def test_the_practice_decides_today_and_the_locality_decided_then() -> None:
    """South Cheshire shares today's service, and had none in the strategy of 2016."""
    message = referred("speech-and-language-therapy", "N81997", "CW1 0ZZ")
    assert told(message) == ("slt-today", False)
    assert outcome(decided(message, area=area_with(IN_2016)), "D") == "recipient-unknown"


def test_the_flag_says_that_the_outward_code_does_not_decide() -> None:
    message = referred("paediatrics", None, "CW7 1AA")
    [flag] = the_alert(decided(message), "D").flags
    assert flag.startswith("Chosen by the outward code, which does not decide")


def test_the_councils_teams_serve_every_child_and_are_never_flagged() -> None:
    message = changed(a_probable_sen_review(), "child.generalPractice", None)
    alert = the_alert(decided(message), "C")
    assert (alert.service.id, alert.flags) == ("cwac-early-years-sen-team", ())


@pytest.mark.parametrize(
    ("referrer", "route", "service"),
    [
        ({"odsCode": "N81995"}, "E", "practice-n81995"),
        ({"odsCode": "RJR"}, "E", "organisation-ods-rjr"),
        ({"urn": "199901"}, "E2", "setting-199901"),
    ],
)
def test_the_referrer_whom_the_report_names_is_told_and_no_other(
    referrer: Document, route: str, service: str
) -> None:
    sharing = {"agreement": an_agreement("other-referrer")}
    decision = decided(changed(a_report(sharing=sharing), "report.referrer", referrer))
    assert [(alert.route, alert.service.id) for alert in decision.alerts] == [(route, service)]


def test_a_council_that_referred_is_no_service_of_education() -> None:
    """Education and social care at once: no hub may read for the council as a whole."""
    sharing = {"agreement": an_agreement("other-referrer")}
    report = changed(a_report(sharing=sharing), "report.referrer", {"laCode": "896"})
    assert outcome(decided(report), "E2") != "alert"
