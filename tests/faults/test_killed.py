"""kill -9 of the serving process and of its relay, and SIGTERM, while messages flow."""

from __future__ import annotations

import os
import signal
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
        for _ in range(2):
            flow.until(answered=60)
            orphans = eventually(serving.relays)
            serving.kill()
            serving.start()
            eventually(lambda o=orphans: not set(o) & set(serving.relays()), 10)
        flow.until(answered=60)
    assert flow.statuses["none"], "nothing was in flight when the gateway was killed"
    assert_nothing_lost(flow, serving, key, partner)


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
