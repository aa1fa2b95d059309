"""`gateway topology check` finds what is missing and what differs; `apply` has declared the rest."""

from __future__ import annotations

from pathlib import Path

import pika
import pytest

from tests.end_to_end.running import (
    Said,
    Serving,
    queues_of_its_own,
    unique_prefix,
    within_this_process,
)
from tests.services import amqp_url

pytestmark = pytest.mark.rabbitmq
QUEUES = {
    agency + dead for agency in ("education", "health", "social-care") for dead in ("", ".dead")
}


def check(folder: Path, prefix: str) -> Said:
    over = {"GATEWAY_AMQP_ADMIN_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
    return within_this_process("topology", "check", folder=folder, **over)


@pytest.mark.postgresql
def test_what_apply_declared_is_as_it_should_be(served: Serving) -> None:
    said = check(served.folder, served.settings["GATEWAY_AMQP_PREFIX"])
    assert said.code == 0, said.out
    assert {line.split()[0] for line in said.out.splitlines()} == QUEUES


def test_what_is_missing_or_differs_is_named(tmp_path: Path) -> None:
    with queues_of_its_own(amqp_url()) as prefix:
        declare_otherwise(f"{prefix}health.dead")
        drifted = check(tmp_path, prefix)
    assert drifted.code == 1
    assert f"{prefix}health.dead" in drifted.out
    assert "gateway topology apply" in drifted.err
    missing = check(tmp_path, unique_prefix())
    assert missing.code == 1
    assert len(missing.out.splitlines()) == 8, "two exchanges and six queues"


def declare_otherwise(queue: str) -> None:
    """Put a queue without a delivery limit in a queue's place."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})


def test_without_an_address_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    said = within_this_process("topology", "apply", folder=tmp_path)
    assert said.code == 2
    assert "GATEWAY_AMQP_ADMIN_URL" in said.err
