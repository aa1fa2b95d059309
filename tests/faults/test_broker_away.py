"""RabbitMQ is killed and started again while messages flow: intake goes on, and nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.broker import Topology, apply
from scripts.servers import RabbitMQ, free_port_after
from scripts.services import wait_for_login
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import a_gateway, key_in
from tests.faults.flow import Flow, assert_nothing_lost

pytestmark = [
    pytest.mark.fault,
    pytest.mark.rabbitmq,
    pytest.mark.skipif(
        not RabbitMQ().is_installed(), reason="rabbitmq-server is not installed: none to kill"
    ),
]


class OwnRabbitMQ(RabbitMQ):
    """A node that this test alone uses, in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.node = free_port_after(self.port + 100)
        self.address = self.url(self.node)

    def up(self) -> None:
        self.start_own(self.node)
        wait_for_login(self, self.address)

    def kill(self) -> None:
        os.kill(int(self._pid.read_text()), signal.SIGKILL)


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[OwnRabbitMQ]:
    rabbitmq = OwnRabbitMQ(tmp_path / "rabbitmq")
    rabbitmq.up()
    yield rabbitmq
    rabbitmq.kill()


def test_a_killed_broker_delays_alerts_and_loses_none(
    rabbitmq: OwnRabbitMQ, tmp_path: Path
) -> None:
    apply(rabbitmq.address, Topology())
    over = {"GATEWAY_AMQP_URL": rabbitmq.address, "GATEWAY_LEASE_SECONDS": "2"}
    with (
        Partner(rabbitmq.address, "") as partner,
        a_gateway(tmp_path, "--show-curl", **over) as serving,
    ):
        key = key_in(serving.out)
        serving.wait_until(lambda ready: ready["status"] == "ok")
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
