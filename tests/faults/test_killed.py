"""kill -9 of the serving process and of its relay, and SIGTERM, while messages flow."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.partner import Partner
from tests.end_to_end.running import Serving, a_gateway, eventually, key_in, queues_of_its_own
from tests.faults.flow import Flow, assert_nothing_lost
from tests.services import amqp_url

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]


@pytest.fixture
def prefix() -> Iterator[str]:
    """Of queues that nobody else uses."""
    with queues_of_its_own(amqp_url()) as prefix:
        yield prefix


@pytest.fixture
def partner(prefix: str) -> Iterator[Partner]:
    with Partner(amqp_url(), prefix) as partner:
        yield partner


@pytest.fixture
def serving(prefix: str, tmp_path: Path) -> Iterator[Serving]:
    """A gateway whose relays let go of what they claimed within two seconds."""
    over = {"GATEWAY_AMQP_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
    with a_gateway(tmp_path, "--show-curl", **over, GATEWAY_LEASE_SECONDS="2") as serving:
        yield serving


def test_a_killed_gateway_loses_nothing_that_it_acknowledged(
    serving: Serving, partner: Partner
) -> None:
    key = key_in(serving.out)
    with Flow(serving, key) as flow:
        for kill in (serving.kill, serving.kill_with_its_relay):
            serving.wait_until(lambda ready: ready["status"] == "ok")
            flow.until(answered=40)
            before = serving.relays()
            kill()
            serving.start()
            eventually(lambda b=before: not set(b) & set(serving.relays()))
        flow.until(answered=20)
    assert flow.statuses["none"], "something was in flight when the gateway was killed"
    assert_nothing_lost(flow, serving, key, partner)
    assert_nothing_is_half_there(serving, flow)


def assert_nothing_is_half_there(serving: Serving, flow: Flow) -> None:
    """Every message has its version and its receipt, every alert its delivery; and none is twice."""
    file = serving.settings["GATEWAY_DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(file) as journal:

        def count(what: str) -> int:
            return int(journal.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

        assert count("message") == len(flow.receipts)
        assert count("message LEFT JOIN version ON id = message_id WHERE number IS NULL") == 0
        assert count("message WHERE receipt IS NULL OR canonical IS NULL OR bytes IS NULL") == 0
        assert count("alert LEFT JOIN delivery ON alert.id = alert_id WHERE target IS NULL") == 0


def test_a_killed_relay_is_started_again_and_loses_nothing(
    serving: Serving, partner: Partner
) -> None:
    key = key_in(serving.out)
    with Flow(serving, key) as flow:
        for _ in range(2):
            flow.until(answered=60)
            (relay,) = eventually(serving.relays)
            os.kill(relay, signal.SIGKILL)
            eventually(lambda r=relay: serving.relays() and r not in serving.relays())
    assert flow.statuses.keys() == {"202"}, "taking messages does not depend on the relay"
    assert_nothing_lost(flow, serving, key, partner)


def test_a_gateway_that_is_asked_to_end_does_so_cleanly(serving: Serving, partner: Partner) -> None:
    key = key_in(serving.out)
    with Flow(serving, key) as flow:
        flow.until(answered=60)
        eventually(serving.relays)
        code = serving.terminate()
        left = serving.relays()
        serving.start()
        flow.until(answered=30)
    assert_nothing_lost(flow, serving, key, partner)
    assert code == 0
    assert not left, "the relay must have ended before the process that supervises it"
    assert "Traceback" not in serving.log
