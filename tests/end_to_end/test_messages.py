"""Messages of all kinds, in JSON and FHIR, go in over HTTP and come out of the agencies' queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.policy.views import allowed
from tests.builders import default_policy
from tests.end_to_end.partner import Arrived, Partner
from tests.end_to_end.running import FHIR, MESSAGES, Serving

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgresql]

FHIR_JSON = "application/fhir+json"
DIGITAL_CHILD_HEALTH = "fhir/stu3/CH004.json"
# Who is told, as sharing.md section 4 has it: route and agency.
TOLD = {
    "review.json": {("A", "health"), ("B", "education"), ("C", "education")},
    "review-no-concern.json": {("A", "health")},
    "review-held.json": {("A", "health")},
    "fhir/r4/review.json": {("A", "health"), ("B", "education"), ("C", "education")},
    "report.json": {("B", "education"), ("E", "health"), ("E3", "education")},
    "fhir/r4/report.json": {("B", "education"), ("E", "health"), ("E3", "education")},
    "notice.json": {("G", "education")},
    "fhir/r4/notice.json": {("G", "education")},
    "referral.json": {("D", "health")},
    "fhir/r4/referral.json": {("D", "health")},
    "fhir/stu3/CH028.json": {("D", "health")},
    "fhir/stu3/CH010.json": {("A", "health")},
    "fhir/stu3/CH032.json": {("A", "health")},
    "fhir/bars/servicerequest-request.json": {("D", "health")},
    "early-help.json": {("I2", "social-care")},
    "safeguarding.json": {("J", "social-care")},
}


@pytest.fixture(scope="module")
def receipts(served: Serving, key: str) -> dict[str, Any]:
    """The receipt of each sample."""
    receipts = {}
    with served.client(key) as http:
        for name in (*TOLD, DIGITAL_CHILD_HEALTH):
            folder = FHIR.parent if name.startswith("fhir/") else MESSAGES
            answer = http.post(
                "/messages",
                content=(folder / name).read_bytes(),
                headers={
                    "Content-Type": FHIR_JSON if name.startswith("fhir/") else "application/json"
                }
                | {"Accept": "application/json"},
            )
            assert answer.status_code == 202, (name, answer.text)
            receipts[name] = answer.json()
    return receipts


def came_of(receipt: dict[str, Any], partner: Partner) -> dict[str, Arrived]:
    """What came out of the queues for a receipt, by alert."""
    ids = {alert["id"] for alert in receipt["alerts"]}
    return {arrived.properties.message_id: arrived for arrived in partner.got(ids)}


@pytest.mark.parametrize("name", TOLD)
def test_a_sample_reaches_the_queues_of_those_who_must_know(
    name: str, receipts: dict[str, Any], partner: Partner
) -> None:
    came = came_of(receipts[name], partner)
    assert {(a["route"], came[a["id"]].queue) for a in receipts[name]["alerts"]} == TOLD[name]


@pytest.mark.parametrize("name", TOLD)
def test_an_alert_on_the_wire_is_what_the_contract_says(
    name: str, receipts: dict[str, Any], partner: Partner, served: Serving
) -> None:
    schema = httpx.get(f"{served.url}/schemas/alert").json()
    receipt = receipts[name]
    for told in receipt["alerts"]:
        arrived = came_of(receipt, partner)[told["id"]]
        properties, event = arrived.properties, arrived.event
        assert properties.message_id == event["id"] == told["id"]
        assert properties.content_type == "application/cloudevents+json"
        assert properties.delivery_mode == 2
        assert properties.type == event["type"] == f"{receipt['kind']}.created.v1"
        assert event["specversion"] == "1.0"
        assert event["source"] == "https://gateway.example"
        assert event["sequence"] == "0000000001"
        assert event["datacontenttype"] == "application/json"
        assert event["dataschema"] == "https://gateway.example/schemas/alert"
        assert properties.timestamp
        agency, kind, area, urgency = arrived.routing_key.split(".")
        data = event["data"]
        areas = data.get("areas", [])
        assert (agency, kind) == (told["agency"], receipt["kind"])
        assert area == (areas[0] if len(areas) == 1 else "several" if areas else "none")
        assert urgency == told["urgency"] == data["urgency"]
        jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", TOLD)
def test_nothing_leaves_that_the_view_does_not_name(
    name: str, receipts: dict[str, Any], partner: Partner
) -> None:
    policy = default_policy()
    receipt = receipts[name]
    for told in receipt["alerts"]:
        fields = came_of(receipt, partner)[told["id"]].event["data"]["fields"]
        named = policy.fields(told["route"])
        assert not [path for path in leaves(fields) if not allowed(path, named)]


def test_a_nursery_learns_neither_number_nor_address_nor_scores(
    receipts: dict[str, Any], partner: Partner
) -> None:
    (to_nursery,) = of_route("B", receipts["review.json"], partner)
    assert set(leaves(to_nursery.event["data"]["fields"])) == {
        "child.givenNames", "child.familyName", "child.birthDate", "sharing.safeContact",
        "review.date", "review.strengths", "review.nextStep",
    }  # fmt: skip
    for secret in (b"9990001006", b"CH65", b"07700", b"asq3", b"33.3", b"ELIM", b"opinion"):
        assert secret not in to_nursery.body


def test_an_area_of_need_is_one_that_the_professional_named(
    receipts: dict[str, Any], partner: Partner
) -> None:
    """Hearing and vision without concern are no sensory need."""
    (to_sen_team,) = of_route("C", receipts["review.json"], partner)
    assert to_sen_team.event["data"]["areas"] == ["communication-and-interaction"]
    assert to_sen_team.routing_key == (
        "education.healthy-child-review.communication-and-interaction.routine"
    )


def test_suspected_harm_comes_to_social_care_alone_and_urgently(
    receipts: dict[str, Any], partner: Partner
) -> None:
    (to_front_door,) = came_of(receipts["safeguarding.json"], partner).values()
    assert to_front_door.routing_key == "social-care.referral.none.urgent"
    assert {a.queue for a in partner.arrived if b"Hoole" in a.body} == {"social-care"}


def test_what_is_held_reaches_nobody_and_says_what_is_missing(
    receipts: dict[str, Any], partner: Partner
) -> None:
    (held,) = receipts["review-held.json"]["held"]
    assert held["route"] == "C"
    assert {m["pointer"] for m in held["missing"]} == {
        "/sharing/opinion/parentInformedOn",
        "/sharing/opinion/talkOffered",
    }
    assert {a.queue for a in partner.arrived if b"Carden" in a.body} == {"health"}


def test_a_digital_child_health_event_is_understood_and_goes_to_health_alone(
    receipts: dict[str, Any], partner: Partner
) -> None:
    receipt = receipts[DIGITAL_CHILD_HEALTH]
    assert receipt["kind"] == "healthy-child-review"
    assert [finding for finding in receipt["findings"] if "score" in finding]
    assert {arrived.queue for arrived in came_of(receipt, partner).values()} <= {"health"}


def test_an_answer_leaves_at_once(served: Serving) -> None:
    """It does not wait 40 ms for the caller to acknowledge its first packet (TCP_NODELAY)."""
    with served.client("any") as http:
        took = [http.get("/health/live").elapsed.total_seconds() for _ in range(31)]
    assert median(took) < 0.03


def of_route(route: str, receipt: dict[str, Any], partner: Partner) -> list[Arrived]:
    ids = {a["id"] for a in receipt["alerts"] if a["route"] == route}
    return [arrived for id_, arrived in came_of(receipt, partner).items() if id_ in ids]


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each stated field, without the numbers of lists."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path
