"""A notification under section 23, and a request for an EHC needs assessment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from adapters.errors import NotUnderstood
from adapters.inbound.files import tabular
from schemas.referral import SEN2_REQUEST_SOURCE, EhcRequest, Requester
from tests.builders import OPINION, a_referral, changed, tables, understood
from tests.conformance import conforms
from tests.unit.adapters.file_reading import EXAMPLES, SCHOOL, TRUST, taken
from tests.unit.policy.deciding import decided, the_alert

MESSAGES = Path(__file__).parents[3] / "examples" / "messages"
PROBABLE = [{"kind": "probable-sen-or-disability", "areas": ["communication-and-interaction"]}]


def a_notification(**changes: Any) -> dict[str, Any]:
    """A trust's notification under section 23, with all that the duty needs."""
    referral = {
        "identifier": "S23-1",
        "type": "section-23-notification",
        "date": "2026-11-17",
        "notification": {"inPlace": ["Hearing test arranged."]},
    }
    stated = {"referral": referral, "conclusions": PROBABLE, "sharing": {"opinion": OPINION}}
    return a_referral(**{**stated, **changes})


@conforms("Section 23 notification", "referral", "taken")
def test_a_notification_is_told_to_the_early_years_sen_team_and_to_nobody_else() -> None:
    decision = decided(a_notification())
    (alert,) = decision.alerts
    assert (alert.route, alert.basis, alert.service.id) == ("C", "s23", "cwac-early-years-sen-team")
    assert not decision.holds
    assert alert.fields["referral"] == {"notification": {"inPlace": ["Hearing test arranged."]}}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("sharing.opinion.parentInformedOn", None, "condition-missing"),
        ("sharing.opinion.talkOffered", None, "condition-missing"),
        ("child.address", None, "home-not-determined"),
        ("child.birthDate", "2019-01-02", "no-route"),
    ],
)
def test_a_notification_waits_for_what_the_section_asks(path: str, value: Any, reason: str) -> None:
    decision = decided(changed(a_notification(), path, value))
    assert not decision.alerts
    assert [hold.reason for hold in decision.holds] == [reason]


@pytest.mark.parametrize("conclusions", [None, [{"kind": "refer"}]])
def test_a_notification_states_the_opinion_of_which_it_notifies(conclusions: Any) -> None:
    message = changed(a_notification(), "conclusions", conclusions)
    with pytest.raises(NotUnderstood) as refused:
        understood(message)
    assert [fault.code for fault in refused.value.faults] == ["notification-conclusion"]
    retract = {**message, "action": "retract", "retractReason": "cancelled"}
    assert understood(retract).message.action == "retract"


def test_rows_of_the_sample_go_where_the_law_sends_them() -> None:
    for row in tabular.PARSER((EXAMPLES / "section-23.csv").read_bytes(), TRUST, tables()):
        assert the_alert(decided(taken(row).document()), "C").basis == "s23"
    for row in tabular.PARSER((EXAMPLES / "ehc-requests.csv").read_bytes(), SCHOOL, tables()):
        message = taken(row).document()
        alert = the_alert(decided(message), "H")
        assert alert.fields["referral"]["ehc"] == message["referral"]["ehc"], "the whole request"


@conforms("EHC needs assessment request", "referral", "taken")
def test_the_sample_request_reaches_send_casework_whole() -> None:
    message = json.loads((MESSAGES / "ehc-request.json").read_text(encoding="utf-8"))
    alert = the_alert(decided(message), "H")
    assert {name: alert.fields["referral"][name] for name in ("ehc", "views")} == {
        name: message["referral"][name] for name in ("ehc", "views")
    }


def test_whoever_asks_is_counted_as_the_sen2_return_counts() -> None:
    assert set(SEN2_REQUEST_SOURCE) == set(get_args(Requester))
    sources = [EhcRequest(requested_by=who).request_source for who in get_args(Requester)]
    assert sources == ["1", "1", "2", "3", "4", "5"]
    assert "request_source" not in EhcRequest(requested_by="parent").document()


@pytest.mark.parametrize("who", ["health-professional", "social-care-professional", "other"])
def test_who_may_not_ask_brings_to_attention_only(who: str) -> None:
    referral = {
        "identifier": "E-1",
        "type": "ehc-needs-assessment",
        "date": "2026-11-17",
        "ehc": {"requestedBy": who},
    }
    assert not decided(a_referral(referral=referral)).alerts
