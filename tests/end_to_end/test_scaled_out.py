"""Several gateways and relays on one PostgreSQL: they share the work, and nobody is told twice."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.builders import a_review
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import (
    COMMAND,
    ENDS_WITHIN,
    JOURNAL_KEY,
    READY_WITHIN,
    Serving,
    environment,
    eventually,
    key_in,
    queues_of_its_own,
)
from tests.services import amqp_url, scratch_database

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgresql]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Serving, Serving]]:
    """Two gateways that are started at once on a database without tables, the first without relay."""
    with queues_of_its_own(amqp_url()) as prefix, scratch_database() as database:
        shared = {
            "GATEWAY_DATABASE_URL": database,
            "GATEWAY_JOURNAL_KEY": JOURNAL_KEY,
            "GATEWAY_AMQP_URL": amqp_url(),
            "GATEWAY_AMQP_PREFIX": prefix,
        }
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        one, other = (Serving(folder, **shared) for folder in folders)
        try:
            with ThreadPoolExecutor() as pool:
                starting = [
                    pool.submit(one.start, "--show-curl", "--no-relay"),
                    pool.submit(other.start),
                ]
            for started in starting:
                started.result()
            yield one, other
        finally:
            one.clean_up()
            other.clean_up()


def test_two_gateways_take_a_message_once_and_two_relays_deliver_it_once(
    two: tuple[Serving, Serving],
) -> None:
    one = two[0]
    prefix = one.settings["GATEWAY_AMQP_PREFIX"]
    log = one.folder / "relay.log"
    with log.open("wb") as stderr:
        relay = subprocess.Popen(
            [COMMAND, "relay"], cwd=one.folder, env=environment(one.settings), stderr=stderr
        )
    try:
        eventually(lambda: "RabbitMQ is there" in log.read_text(), READY_WITHIN)
        with Partner(amqp_url(), prefix) as partner, ThreadPoolExecutor() as pool:
            clients = [serving.client(key_in(one.out)) for serving in two]

            def post(http: httpx.Client, number: int) -> httpx.Response:
                return http.post("/messages", json=a_review(id=f"r{number}", record=f"r{number}"))

            ids = set()
            for number in range(15):
                posted = [pool.submit(post, http, number) for http in clients]
                answers = [answer.result() for answer in posted]
                assert sorted(answer.status_code for answer in answers) == [200, 202]
                alerts = [[a["id"] for a in answer.json()["alerts"]] for answer in answers]
                assert alerts[0] == alerts[1]
                ids |= set(alerts[0])
            came = Counter(a.properties.message_id for a in partner.got(ids, 20))
        assert set(came.values()) == {1}
    finally:
        relay.send_signal(signal.SIGTERM)
        relay.wait(ENDS_WITHIN)
    assert relay.returncode == 0
    assert "Traceback" not in log.read_text()
