"""Scaled out: the gateway serves without a relay, and relays of their own deliver."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.builders import a_review
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import (
    COMMAND,
    ENDS_WITHIN,
    a_gateway,
    environment,
    key_in,
    queues_of_its_own,
)
from tests.services import amqp_url


@pytest.mark.rabbitmq
def test_messages_wait_for_a_relay_which_ends_when_asked(tmp_path: Path) -> None:
    with queues_of_its_own(amqp_url()) as prefix, Partner(amqp_url(), prefix) as partner:
        over = {"GATEWAY_AMQP_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
        with a_gateway(tmp_path, "--no-relay", "--show-curl", **over) as serving:
            with serving.client(key_in(serving.out)) as http:
                receipt = http.post("/messages", json=a_review()).json()
            serving.wait_until(lambda ready: ready["status"] == "degraded")
            assert not serving.relays()
            relay = subprocess.Popen(
                [COMMAND, "relay"], cwd=tmp_path, env=environment(serving.settings),
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                partner.got({alert["id"] for alert in receipt["alerts"]}, 20)
                serving.wait_until(lambda ready: ready["status"] == "ok")
            finally:
                relay.send_signal(signal.SIGTERM)
                _, said = relay.communicate(timeout=ENDS_WITHIN)
            assert relay.returncode == 0
            assert "Traceback" not in said
