"""Embedded, without RabbitMQ: agencies read their alerts from the journal by `gateway consume`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.builders import a_probable_sen_review
from tests.end_to_end.running import (
    Serving,
    a_gateway,
    free_port,
    gateway,
    key_in,
)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway on a SQLite file, without RabbitMQ."""
    with a_gateway(tmp_path_factory.mktemp("embedded"), "--show-curl") as serving:
        yield serving


def send(serving: Serving, name: str) -> dict[str, Any]:
    with serving.client(key_in(serving.out)) as http:
        answer = http.post("/messages", json=a_probable_sen_review(id=name, record=name))
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt


def test_what_an_agency_has_read_is_gone_and_the_sender_sees_that(embedded: Serving) -> None:
    receipts = [send(embedded, name) for name in ("first", "second")]
    first, second = (
        next(a["id"] for a in receipt["alerts"] if a["agency"] == "education")
        for receipt in receipts
    )
    read = embedded.run("consume", "education", "--count", "1", "--json")
    assert read.code == 0, read.err
    assert [orjson.loads(line)["id"] for line in read.out.splitlines()] == [first]
    people = embedded.run("consume", "education", "--wait", "0")
    assert people.code == 0, people.err
    assert f"alert {second}" in people.out
    assert first not in people.out
    assert "for Early years SEN team" in people.out
    assert "basis: Duty to notify of probable special educational needs" in people.out
    assert "sharing.opinion.words: Probably a speech and language need." in people.out
    assert embedded.run("consume", "education", "--wait", "0").out == ""
    with embedded.client(key_in(embedded.out)) as http:
        now = http.get(f"/messages/{receipts[0]['id']}").json()
    assert {a["agency"]: a["state"] for a in now["alerts"]} == {
        "education": "delivered", "health": "due",
    }  # fmt: skip


def test_a_second_gateway_on_the_same_file_refuses_to_start(embedded: Serving) -> None:
    assert embedded.process
    settings = embedded.settings | {"GATEWAY_PORT": str(free_port())}
    second = gateway("serve", folder=embedded.folder, **settings)
    assert second.code == 1
    (sentence,) = second.err.splitlines()
    assert f"already served by process {embedded.process.pid}" in sentence
    embedded.wait_until(lambda ready: ready["status"] == "ok")


def test_an_agency_that_does_not_exist_is_wrong_usage(embedded: Serving) -> None:
    said = embedded.run("consume", "helth")
    assert said.err == "There is no agency `helth`; there are education, health, social-care.\n"
    assert said.code == 2
