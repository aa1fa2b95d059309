"""Further shapes of R4 over HTTP: who is told is the same, and item answers leave with nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.examples import FHIR as SAMPLES
from schemas.message import KINDS
from tests.integration.serving import FHIR, Gateway, Partner, serving

SHAPES = [
    ("r4/report.json", "r4/report-composition.json"),
    ("r4/review.json", "r4/review-questionnaire.json"),
    ("r4/notice.json", "r4/notice-condition.json"),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("shapes")
    with serving(folder / "gateway.db", asqse_cut_offs=True) as running:
        yield running


@pytest.fixture(scope="module")
def partner(gateway: Gateway) -> Partner:
    """One who may send for everybody."""
    everybody = [one.key for one in gateway.service.rules.directory.organisations()]
    return gateway.partner("ods:8Z921", KINDS, everybody)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def told(receipt: Any) -> set[tuple[str, str]]:
    return {(alert["route"], alert["service"]) for alert in receipt["alerts"]}


@pytest.mark.parametrize(("one", "other"), SHAPES, ids=[other for _, other in SHAPES])
def test_another_shape_tells_the_same_people(one: str, other: str, partner: Partner) -> None:
    receipts = [partner.check(sample(name), media=FHIR) for name in (one, other)]
    assert [answer.status_code for answer in receipts] == [200, 200]
    first, second = (told(answer.json()) for answer in receipts)
    assert first == second != set()


def test_the_answers_to_items_reach_no_mailbox(gateway: Gateway, partner: Partner) -> None:
    answer = partner.post(
        sample("r4/review-questionnaire.json"), media=FHIR, accept="application/json"
    )
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert {finding["about"]: finding["level"] for finding in receipt["findings"]}[
        "communication"
    ] == "concern"
    deliveries = gateway.service.journal.deliveries
    events = [
        due.body for agency in ("health", "education") for due in deliveries.mailbox(agency, 10)
    ]
    assert len(events) == len(receipt["alerts"]) == 3
    assert not [event for event in events if b"sometimes" in event or b'"items"' in event]
    assert [b"asq3" in event for event in events].count(True) == 1


def test_what_was_not_read_and_what_is_above_a_cut_off_are_questions(partner: Partner) -> None:
    bundle = sample("r4/report-composition.json")
    document = next(one["resource"] for one in bundle["entry"] if one["resource"].get("section"))
    text = {"status": "additional", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"}
    document["section"].append({"title": "Other", "text": text})
    [question] = partner.check(bundle, media=FHIR).json()["questions"]
    assert question["pointer"].endswith(".section[9].text")

    review = sample("r4/review.json")
    review["entry"].append(
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {
                    "coding": [{"system": "http://snomed.info/sct", "code": "1054021000000105"}]
                },
                "valueQuantity": {"value": 90},
            }
        }
    )
    findings = partner.check(review, media=FHIR).json()["findings"]
    [social] = [finding for finding in findings if finding["about"] == "social-emotional"]
    assert (social["level"], social["cutOff"]) == ("concern", 85)
