"""Wrong settings are told in plain sentences with exit code 2; `gateway check` says what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.running import (
    COMMAND,
    ROOT,
    Serving,
    a_gateway,
    free_port,
    gateway,
    queues_of_its_own,
)
from tests.services import amqp_url

DEFAULT_POLICY = ROOT / "gateway" / "policy" / "default.yaml"


def test_a_wrong_word_in_the_policy_is_named_with_its_line(tmp_path: Path) -> None:
    policy = tmp_path / "our-policy.yaml"
    right = DEFAULT_POLICY.read_text().splitlines()
    line = right.index("  agreed:") + 1
    policy.write_text("\n".join([*right[:line], "    titel: wrong", *right[line:]]))
    said = gateway("serve", folder=tmp_path, GATEWAY_POLICY=str(policy))
    assert said.code == 2
    (sentence,) = said.err.splitlines()
    assert f"our-policy.yaml:{line + 1}" in sentence
    assert "titel" in sentence


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("GATEWAY_POLICY", "nowhere.yaml", "nowhere.yaml"),
        ("GATEWAY_DIRECTORY", "nowhere", "nowhere"),
        ("GATEWAY_PORT", "80000", "GATEWAY_PORT"),
        ("GATEWAY_LEASE_SECONDS", "soon", "GATEWAY_LEASE_SECONDS"),
        ("GATEWAY_DATABASE_URL", "mysql://root:secret@localhost/x", "GATEWAY_DATABASE_URL"),
        ("GATEWAY_DATABASE_URL", "sqlite:///nowhere/gateway.db", "nowhere"),
        ("GATEWAY_JOURNAL_KEY", "short", "GATEWAY_JOURNAL_KEY"),
        ("GATEWAY_AMQP_PREFIX", "with blanks", "GATEWAY_AMQP_PREFIX"),
        ("GATEWAY_AMQP_URL", "localhost:secret", "GATEWAY_AMQP_URL"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    setting: str, value: str, named: str, tmp_path: Path
) -> None:
    settings = {"GATEWAY_PORT": str(free_port()), setting: value}
    said = gateway("serve", folder=tmp_path, **settings)
    assert said.code == 2, said.err
    (sentence,) = said.err.splitlines()
    assert named in sentence
    assert "secret" not in sentence


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = gateway("serve", folder=tmp_path, GATEWAY_PORT=str(port))
    assert said.code == 2
    (sentence,) = said.err.splitlines()
    assert str(port) in sentence


def test_a_second_gateway_on_the_same_file_refuses_to_start(tmp_path: Path) -> None:
    with a_gateway(tmp_path) as serving:
        assert serving.process
        second = serving.run("serve", GATEWAY_PORT=str(free_port()))
        assert second.code != 0
        (sentence,) = second.err.splitlines()
        assert f"already served by process {serving.process.pid}" in sentence
        serving.wait_until(lambda ready: ready["status"] == "ok")


def test_a_check_without_rabbitmq_says_that_it_is_embedded(tmp_path: Path) -> None:
    said = gateway("check", folder=tmp_path)
    assert said.code == 0, said.err
    for word in ("policy", "s16la" if False else "direct-care", "directory", "journal", "embedded"):
        assert word in said.out


@pytest.mark.rabbitmq
def test_a_check_tells_missing_queues_from_a_broker_that_is_away(tmp_path: Path) -> None:
    with queues_of_its_own(amqp_url()) as prefix:
        there = gateway(
            "check", folder=tmp_path, GATEWAY_AMQP_URL=amqp_url(), GATEWAY_AMQP_PREFIX=prefix
        )
        assert there.code == 0, there.err
        assert "exchanges and queues are there" in there.out
        assert ":guest@" not in there.out, "no password is shown"
    missing = gateway(
        "check", folder=tmp_path, GATEWAY_AMQP_URL=amqp_url(), GATEWAY_AMQP_PREFIX="never-made."
    )
    assert missing.code == 1
    assert "never-made.education" in missing.err
    nowhere = f"amqp://guest:secret@127.0.0.1:{free_port()}/%2F"
    away = gateway("check", folder=tmp_path, GATEWAY_AMQP_URL=nowhere)
    assert away.code == 3
    assert "secret" not in away.out + away.err
