"""`gateway topology`: declares queues, leaves them as they are the second time, and finds drift."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pika
import pytest

from gateway.broker import Topology, remove, remove_policy
from tests.end_to_end.running import Said, gateway
from tests.services import amqp_url

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def prefix() -> Iterator[str]:
    topology = Topology(f"test-{uuid4().hex[:12]}.")
    yield topology.prefix
    remove(amqp_url(), topology)
    remove_policy(amqp_url(), topology)


def test_what_is_missing_is_declared_and_what_differs_is_found(
    prefix: str, tmp_path: Path
) -> None:
    def topology(word: str) -> Said:
        over = {"GATEWAY_AMQP_ADMIN_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
        return gateway("topology", word, folder=tmp_path, **over)

    before = topology("check")
    assert before.code == 1
    assert "gateway topology apply" in before.err
    assert topology("apply").code == 0
    after = topology("check")
    assert after.code == 0, after.out
    assert {line.split()[0] for line in after.out.splitlines()} == {
        agency + dead for agency in ("education", "health", "social-care") for dead in ("", ".dead")
    }
    declare_otherwise(f"{prefix}health.dead")
    drifted = topology("check")
    assert drifted.code == 1
    assert f"{prefix}health.dead" in drifted.out


def declare_otherwise(queue: str) -> None:
    """Put a queue without a delivery limit in a queue's place."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})


def test_without_an_address_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    said = gateway("topology", "apply", folder=tmp_path)
    assert said.code == 2
    assert "GATEWAY_AMQP_ADMIN_URL" in said.err
