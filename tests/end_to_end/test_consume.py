"""`gateway consume` prints an agency's alerts, from RabbitMQ and, embedded, from the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.builders import a_review
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import Serving, a_gateway, gateway, key_in, queues_of_its_own
from tests.services import amqp_url


def send_reviews(serving: Serving, *names: str) -> list[str]:
    """Send a review by each name, and return the ids of the alerts to health."""
    ids = []
    with serving.client(key_in(serving.out)) as http:
        for name in names:
            answer = http.post("/messages", json=a_review(id=name, record=name))
            ids += [alert["id"] for alert in answer.json()["alerts"]]
    return ids


def events(printed: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in printed.splitlines()]


@pytest.mark.rabbitmq
def test_an_agency_reads_its_queue_and_what_it_read_is_gone(tmp_path: Path) -> None:
    with queues_of_its_own(amqp_url()) as prefix:
        over = {"GATEWAY_AMQP_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
        with a_gateway(tmp_path, "--show-curl", **over) as serving:
            first, second = send_reviews(serving, "first", "second")
            read = serving.run("consume", "health", "--count", "1", "--wait", "10", "--json")
            assert [event["id"] for event in events(read.out)] == [first]
            people = serving.run("consume", "health", "--count", "1", "--wait", "10")
            assert (read.code, people.code) == (0, 0)
            assert f"alert {second}" in people.out
            assert "for Boat Museum Example Medical Centre" in people.out
            assert "child.nhsNumber: 9990001006" in people.out
        with Partner(amqp_url(), prefix, ["education"]) as education:
            assert education.got(set()) == []


def test_embedded_an_agency_reads_the_journal_and_what_it_read_is_gone(tmp_path: Path) -> None:
    with a_gateway(tmp_path, "--show-curl") as serving:
        first, second = send_reviews(serving, "first", "second")
        read = serving.run("consume", "health", "--count", "1", "--json")
        rest = serving.run("consume", "health", "--wait", "0.2", "--json")
        assert (read.code, rest.code) == (0, 0)
        assert [event["id"] for event in events(read.out)] == [first]
        assert [event["id"] for event in events(rest.out)] == [second]


def test_an_agency_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    said = gateway("consume", "helth", folder=tmp_path)
    assert said.err.splitlines() == [
        "There is no agency `helth`; there are education, health, social-care."
    ]
    assert said.code == 2
