"""RabbitMQ falters or dies while messages flow: intake goes on, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.servers import RabbitMQ, free_port_after
from scripts.services import wait_for_login
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import Serving, a_gateway, key_in, queues_of_its_own
from tests.faults.flow import Flow, assert_nothing_lost

pytestmark = [
    pytest.mark.fault,
    pytest.mark.rabbitmq,
    pytest.mark.skipif(
        not RabbitMQ().is_installed(), reason="rabbitmq-server is not installed: none to kill"
    ),
]


class OwnRabbitMQ(RabbitMQ):
    """A node that these tests alone use, in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # Apart for each worker of the tests; and its other port, 20000 above, must be one.
        self.node = free_port_after(6000 + os.getpid() % 4000)
        self.address = self.url(self.node)

    def up(self) -> None:
        self.start_own(self.node)
        wait_for_login(self, self.address)

    def kill(self) -> None:
        os.kill(int(self._pid.read_text()), signal.SIGKILL)

    @contextmanager
    def without_answer(self, queue: str) -> Iterator[None]:
        """While this lasts the queue's leader does nothing, as in a partition of the network."""
        self._tell("suspend", queue)
        try:
            yield
        finally:
            self._tell("resume", queue)

    def _tell(self, word: str, queue: str) -> None:
        leader = f"{{'%2F_{queue}', node()}}"
        told = f"sys:{word}({leader})."
        subprocess.run([self.folder / "bin/rabbitmqctl", "eval", told], check=True, timeout=20)


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRabbitMQ]:
    rabbitmq = OwnRabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    rabbitmq.up()
    yield rabbitmq
    rabbitmq.kill()


@pytest.fixture(scope="module")
def serving(rabbitmq: OwnRabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with queues_of_its_own(rabbitmq.address) as prefix:
        over = {"GATEWAY_AMQP_URL": rabbitmq.address, "GATEWAY_AMQP_PREFIX": prefix}
        folder = tmp_path_factory.mktemp("serving")
        with a_gateway(folder, "--show-curl", **over, GATEWAY_LEASE_SECONDS="2") as serving:
            serving.wait_until(lambda ready: ready["status"] == "ok")
            yield serving


@pytest.fixture
def partner(rabbitmq: OwnRabbitMQ, serving: Serving) -> Iterator[Partner]:
    with Partner(rabbitmq.address, serving.settings["GATEWAY_AMQP_PREFIX"]) as partner:
        yield partner


@pytest.mark.long
def test_a_queue_that_does_not_answer_stops_nobody_else(
    rabbitmq: OwnRabbitMQ, serving: Serving, partner: Partner
) -> None:
    key = key_in(serving.out)
    with rabbitmq.without_answer(f"{serving.settings['GATEWAY_AMQP_PREFIX']}social-care"):
        with Flow(serving, key) as flow:
            flow.until(answered=30)
        others = {
            alert["id"]
            for receipt in flow.receipts.values()
            for alert in receipt["alerts"]
            if alert["agency"] == "health" or alert["change"] == "updated"
        }
        partner.got(others, 20)
        ready = serving.wait_until(lambda ready: ready["status"] == "degraded", 10)
        assert "social-care" in ready["broker"]
    assert_nothing_lost(flow, serving, key, partner)


def test_a_killed_broker_delays_alerts_and_loses_none(
    rabbitmq: OwnRabbitMQ, serving: Serving, partner: Partner
) -> None:
    key = key_in(serving.out)
    with Flow(serving, key) as flow:
        flow.until(answered=30)
        rabbitmq.kill()
        serving.wait_until(lambda ready: ready["status"] == "degraded", 10)
        flow.until(answered=30)
    assert flow.statuses.keys() == {"202"}, "taking messages does not depend on the broker"
    before = len(partner.ids)
    rabbitmq.up()
    assert_nothing_lost(flow, serving, key, partner)
    assert len(partner.ids) > before
    serving.wait_until(lambda ready: ready["status"] == "ok", 10)
