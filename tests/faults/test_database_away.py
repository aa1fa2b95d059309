"""PostgreSQL drops its connections while messages flow: what was answered with success is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.end_to_end.partner import Partner
from tests.end_to_end.running import (
    JOURNAL_KEY,
    a_gateway,
    key_in,
    queues_of_its_own,
)
from tests.faults.flow import Flow, assert_nothing_lost
from tests.services import amqp_url, driver_url, postgres_url, scratch_database

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq, pytest.mark.postgresql]


@pytest.fixture
def database() -> Iterator[str]:
    with scratch_database() as url:
        yield url


def drop_connections(url: str) -> int:
    """End everybody's connections to a database, as a failover does; return how many there were."""
    with psycopg.connect(driver_url(postgres_url()), autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [url.rpartition("/")[2]],
        )
        return len(ended.fetchall())


def test_dropped_connections_cost_a_repeat_and_lose_nothing(database: str, tmp_path: Path) -> None:
    with queues_of_its_own(amqp_url()) as prefix, Partner(amqp_url(), prefix) as partner:
        settings = {
            "GATEWAY_DATABASE_URL": database,
            "GATEWAY_JOURNAL_KEY": JOURNAL_KEY,
            "GATEWAY_AMQP_URL": amqp_url(),
            "GATEWAY_AMQP_PREFIX": prefix,
            "GATEWAY_LEASE_SECONDS": "2",
        }
        with a_gateway(tmp_path, "--show-curl", **settings) as serving:
            key = key_in(serving.out)
            serving.wait_until(lambda ready: ready["status"] == "ok")
            relays = serving.relays()
            with Flow(serving, key) as flow:
                for _ in range(5):
                    flow.until(answered=20)
                    assert drop_connections(database)
                    time.sleep(0.1)
                flow.until(answered=20)
            assert flow.statuses.keys() <= {"200", "202", "503"}
            assert_nothing_lost(flow, serving, key, partner)
            assert serving.relays() == relays, "the relay lives through it"
            assert "Traceback" not in serving.log
