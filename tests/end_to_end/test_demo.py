"""`gateway demo`: what a newcomer sees first, over RabbitMQ and without it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from gateway.broker import Topology, remove
from tests.end_to_end.running import (
    COMMAND,
    Said,
    environment,
    eventually,
    gateway,
    processes_with,
    within_this_process,
)
from tests.services import amqp_url


def assert_it_shows_the_main_job(said: Said) -> None:
    assert said.code == 0, said.err
    for agency in ("education", "health", "social-care"):
        assert f"What {agency} received" in said.out
    words = " ".join(said.out.split())
    assert "held review-held.json" in words
    assert "Missing: when the parent was informed" in words
    assert words.count("refused review-refused.json") == 5, "each fault with its place"
    assert "withdrawn" in said.out.split("What education received")[1], "the retraction came"
    assert "urgent" in said.out.split("What social-care received")[1]
    assert "8969901_CTF_896LLLL_001.xml" in said.out, "and a school's export"
    for name in ("review", "report", "notice", "referral"):
        assert f"{name}.json" in said.out
        assert f"fhir/r4/{name}.json" in said.out


@pytest.mark.rabbitmq
def test_over_rabbitmq_it_shows_the_main_job_and_leaves_no_queue(tmp_path: Path) -> None:
    said = gateway("demo", folder=tmp_path, GATEWAY_AMQP_URL=amqp_url())
    assert_it_shows_the_main_job(said)
    assert "Over RabbitMQ at" in said.out
    prefix = prefix_in(said.out)
    assert prefix.startswith("demo-")
    for queue in ("education", "health", "social-care"):
        assert not is_there(prefix + queue)
        assert not is_there(f"{prefix}{queue}.dead")
    assert not list(tmp_path.iterdir()), "and no file"


def test_embedded_it_shows_the_same(tmp_path: Path) -> None:
    said = within_this_process("demo", "--embedded", folder=tmp_path)
    assert_it_shows_the_main_job(said)
    assert "Embedded, without RabbitMQ" in said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.rabbitmq
def test_a_demo_that_is_asked_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = {"GATEWAY_AMQP_URL": amqp_url()}
    demo = subprocess.Popen(
        [COMMAND, "demo"], cwd=tmp_path, env=environment(settings) | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout
    prefix = prefix_in(demo.stdout.readline())
    try:
        eventually(lambda: processes_with(f"TMPDIR={tmp_path}", "serve"), 20)
        demo.terminate()
        demo.wait(20)
        eventually(lambda: not processes_with(f"TMPDIR={tmp_path}"), 10)
        assert not is_there(f"{prefix}education")
        assert not list(tmp_path.iterdir())
    finally:
        for pid, _ in processes_with(f"TMPDIR={tmp_path}"):
            os.kill(pid, signal.SIGKILL)
        remove(amqp_url(), Topology(prefix))


def prefix_in(printed: str) -> str:
    """Find the prefix of the demo's queues in what it printed."""
    return printed.split("queues of its own (")[1].split("…")[0]


def is_there(queue: str) -> bool:
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        try:
            connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker as error:
            return error.reply_code != 404
    return True
