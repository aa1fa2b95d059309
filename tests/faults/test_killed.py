"""kill -9 of the serving process and of its relay, and a plain end, while messages flow."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from tests.end_to_end.partner import Partner
from tests.end_to_end.running import Serving, a_gateway, eventually, key_in, queues_of_its_own
from tests.faults.flow import Flow, assert_nothing_lost
from tests.services import amqp_url

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway whose relays let go of what they claimed within two seconds."""
    with queues_of_its_own(amqp_url()) as prefix:
        over = {"GATEWAY_AMQP_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
        folder = tmp_path_factory.mktemp("killed")
        with a_gateway(folder, "--show-curl", **over, GATEWAY_LEASE_SECONDS="2") as serving:
            yield serving


@pytest.fixture(scope="module")
def key(serving: Serving) -> str:
    return key_in(serving.out)


@pytest.fixture
def partner(serving: Serving) -> Iterator[Partner]:
    with Partner(amqp_url(), serving.settings["GATEWAY_AMQP_PREFIX"]) as partner:
        yield partner


def test_a_gateway_that_is_killed_or_ends_loses_nothing_that_it_acknowledged(
    serving: Serving, key: str, partner: Partner
) -> None:
    with Flow(serving, key) as flow:
        for end in (serving.kill, serving.kill_with_its_relay, serving.terminate):
            serving.wait_until(lambda ready: ready["status"] == "ok")
            flow.until(answered=30)
            relays = serving.relays()
            ended = end()
            if ended is not None:
                assert ended == 0, "asked to end, it does so cleanly"
                assert not serving.relays(), "its relay ends before it does"
            serving.start()
            eventually(lambda r=relays: not set(r) & set(serving.relays()))
        flow.until(answered=10)
    assert flow.statuses["none"], "something was in flight when the gateway was killed"
    assert "Traceback" not in serving.log
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
    serving: Serving, key: str, partner: Partner
) -> None:
    with Flow(serving, key) as flow:
        for _ in range(2):
            serving.wait_until(lambda ready: ready["status"] == "ok")
            flow.until(answered=30)
            (relay,) = eventually(serving.relays)
            os.kill(relay, signal.SIGKILL)
            eventually(lambda r=relay: serving.relays() and r not in serving.relays())
    assert flow.statuses.keys() == {"202"}, "taking messages does not depend on the relay"
    assert_nothing_lost(flow, serving, key, partner)
