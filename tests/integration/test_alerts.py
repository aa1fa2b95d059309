"""`GET /alerts/{id}`: who may read what stands of an alert, in which format, and that it is noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.outbound import FORMATS
from gateway.api.alerts import negotiated
from schemas.message import AGENCIES
from tests.builders import (
    SETTING,
    a_probable_sen_review,
    a_safeguarding_referral,
)
from tests.integration.serving import Gateway, Partner, serving

COUNCIL, PRACTICE, SUPPLIER = "la:896", "ods:N81992", "ods:8Z921"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("alerts") / "gateway.db") as running:
        yield running


@pytest.fixture(scope="module")
def trust(gateway: Gateway) -> Partner:
    return gateway.partner("ods:RXA")


@pytest.fixture(scope="module")
def council(gateway: Gateway) -> Partner:
    return gateway.partner(COUNCIL)


def sent(trust: Partner, message: dict[str, Any]) -> dict[str, str]:
    """Send a message; the ids of its alerts by their routes."""
    answer = trust.post(message)
    assert answer.status_code in (200, 202), answer.text
    return {alert["route"]: alert["id"] for alert in answer.json().get("alerts", ())}


def deliver(gateway: Gateway) -> None:
    """Let every agency look into its mailbox."""
    for agency in AGENCIES:
        gateway.service.journal.deliveries.mailbox(agency, 1000)


def told(gateway: Gateway, trust: Partner, message: dict[str, Any]) -> dict[str, str]:
    alerts = sent(trust, message)
    deliver(gateway)
    return alerts


def a_review(**changes: Any) -> dict[str, Any]:
    return a_probable_sen_review(record=str(uuid4()), id=str(uuid4()), **changes)


def not_there(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 404
    said = answer.json()
    assert isinstance(said, dict)
    return said


def test_the_organisation_of_the_service_reads_the_event_and_is_noted(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    alerts = told(gateway, trust, a_review())
    answer = council.get(f"/alerts/{alerts['C']}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/cloudevents+json"
    assert answer.headers["content-location"] == f"/alerts/{alerts['C']}"
    assert answer.headers["cache-control"] == "no-store"
    event = answer.json()
    assert event["id"] == alerts["C"]
    assert event["data"]["fields"]["child"]["familyName"] == "Ashdown"
    [(organisation, credential, _)] = gateway.service.journal.read(lambda q: q.reads(alerts["C"]))
    assert (organisation, credential) == (COUNCIL, council.credential)


def test_the_right_to_send_for_an_organisation_is_none_to_read_what_it_was_told(
    gateway: Gateway, trust: Partner
) -> None:
    alerts = told(gateway, trust, a_review())
    supplier = gateway.partner(SUPPLIER, speaks_for=[PRACTICE])
    assert supplier.get(f"/alerts/{alerts['A']}").status_code == 404
    assert gateway.partner(PRACTICE).get(f"/alerts/{alerts['A']}").status_code == 200


def test_for_anybody_else_an_alert_is_as_one_that_does_not_exist(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    alerts = told(gateway, trust, a_review())
    nothing = not_there(council.get(f"/alerts/{uuid4()}"))
    assert nothing == not_there(council.get(f"/alerts/{alerts['A']}"))  # the practice's
    assert nothing == not_there(trust.get(f"/alerts/{alerts['C']}"))  # the sender
    setting = gateway.partner(f"urn:{SETTING}")
    assert nothing == not_there(setting.get(f"/alerts/{alerts['C']}"))
    assert nothing == not_there(council.get("/alerts/no-id"))
    assert nothing == not_there(council.get("/alerts/%00"))
    assert gateway.service.journal.read(lambda q: q.reads(alerts["A"])) == []
    assert gateway.stranger.get(f"/alerts/{alerts['C']}").status_code == 401


def test_what_nobody_was_told_yet_is_not_there(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    alerts = sent(trust, a_review())
    not_there(council.get(f"/alerts/{alerts['C']}"))
    deliver(gateway)
    assert council.get(f"/alerts/{alerts['C']}").status_code == 200


def test_an_earlier_version_shows_the_last_and_what_was_corrected_is_not_shown_again(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    review = a_review()
    first = told(gateway, trust, review)["C"]
    child = {**review["child"], "familyName": "Corrected"}
    corrected = {**review, "id": str(uuid4()), "action": "update", "child": child}
    corrected["sent"] = "2026-11-17T16:20:00+00:00"
    second = told(gateway, trust, corrected)["C"]
    answer = council.get(f"/alerts/{first}")
    assert answer.headers["content-location"] == f"/alerts/{second}"
    assert answer.json()["id"] == second
    assert "Ashdown" not in answer.text


def test_after_a_withdrawal_nothing_of_the_child_is_served_under_any_of_its_ids(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    review = a_review()
    first = told(gateway, trust, review)["C"]
    retract = {"action": "retract", "retractReason": "entered-in-error", "id": str(uuid4())}
    sent(trust, {**review, **retract, "sent": "2026-11-17T16:20:00+00:00"})
    for name in FORMATS:
        answer = council.get(f"/alerts/{first}?format={name}")
        assert answer.status_code == 200
        assert "Ashdown" not in answer.text
        assert "9990001006" not in answer.text
    assert council.get(f"/alerts/{first}").json()["data"]["change"] == "withdrawn"


def test_harm_is_read_by_the_front_door_alone(
    gateway: Gateway, trust: Partner, council: Partner
) -> None:
    [alert] = told(gateway, trust, a_safeguarding_referral(record=str(uuid4()))).values()
    speaking = gateway.partner(SUPPLIER, speaks_for=[COUNCIL])
    nothing = not_there(council.get(f"/alerts/{uuid4()}"))
    for other in (speaking, trust, gateway.partner(PRACTICE)):
        assert not_there(other.get(f"/alerts/{alert}")) == nothing
    assert council.get(f"/alerts/{alert}").status_code == 200


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_served_by_its_name(
    gateway: Gateway, trust: Partner, council: Partner, name: str
) -> None:
    alert = told(gateway, trust, a_review())["C"]
    body = council.get(f"/alerts/{alert}").content
    answer = council.get(f"/alerts/{alert}?format={name}", accept="text/html")
    assert answer.headers["content-type"] == FORMATS[name].media_type
    assert answer.content == FORMATS[name].render(body)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "cloudevents"),
        ("*/*", "cloudevents"),
        ("application/json", "cloudevents"),
        ("application/cloudevents+json", "cloudevents"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "referral-form+html"),
        ("text/*", "referral-form+html"),
        ("application/fhir+json", "fhir-r4"),
        ("application/fhir+json; fhirVersion=4.0", "fhir-r4"),
        ("application/fhir+json; fhirVersion=3.0", "fhir-stu3"),
        ("application/fhir+xml", "fhir-r4+xml"),
        ("application/fhir+xml;fhirVersion=3.0", "fhir-stu3+xml"),
        ("application/fhir+xml;q=0.5, application/fhir+json", "fhir-r4"),
        ("text/html;q=0, application/fhir+xml", "fhir-r4+xml"),
        ("text/csv, */*;q=0.1", "cloudevents"),
        ("text/csv", None),
        ("application/fhir+json; fhirVersion=5.0", None),
    ],
)
def test_the_accept_header_chooses(accept: str, name: str | None) -> None:
    assert negotiated(accept) == name


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text("ac/*;q=0.5,-\"'%", max_size=30))
def test_no_accept_header_breaks_it(accept: str) -> None:
    assert negotiated(accept) in {*FORMATS, None}


def test_a_format_that_there_is_not_is_answered_406_with_those_that_there_are(
    council: Partner,
) -> None:
    for answer in (
        council.get(f"/alerts/{uuid4()}?format=pdf"),
        council.get(f"/alerts/{uuid4()}", accept="text/csv"),
    ):
        assert answer.status_code == 406
        assert all(name in answer.json()["detail"] for name in FORMATS)


def test_openapi_names_every_media_type(gateway: Gateway) -> None:
    described = orjson.loads(gateway.stranger.get("/openapi.json").content)
    answers = described["paths"]["/alerts/{id}"]["get"]["responses"]
    media = {one.media_type for one in FORMATS.values()}
    assert media == answers["200"]["content"].keys()
    assert {"401", "404", "406", "503"} <= answers.keys()
