"""Wrong settings are told in plain sentences, with exit code 2, before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.running import (
    ROOT,
    Said,
    free_port,
    gateway,
    queues_of_its_own,
    within_this_process,
)
from tests.mesh import OURS, an_area
from tests.services import amqp_url

DEFAULT_POLICY = ROOT / "gateway" / "policy" / "default.yaml"


def a_wrong_policy(folder: Path) -> str:
    """Write a policy with a word that there is not, on line 5, and return its path."""
    policy = folder / "our-policy.yaml"
    policy.write_text(f"\n\n\n\ntitel: wrong\n{DEFAULT_POLICY.read_text()}")
    return str(policy)


def no_database(folder: Path) -> str:
    """Write a file that is something else."""
    (folder / "letter.txt").write_text("Dear Sir or Madam, this is no database. " * 100)
    return f"sqlite:///{folder / 'letter.txt'}"


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("GATEWAY_POLICY", a_wrong_policy, "our-policy.yaml:5"),
        ("GATEWAY_POLICY", "nowhere.yaml", "nowhere.yaml"),
        ("GATEWAY_DIRECTORY", "nowhere", "nowhere"),
        ("GATEWAY_TABLES", "nowhere", "nowhere"),
        ("GATEWAY_PORT", "80000", "GATEWAY_PORT"),
        ("GATEWAY_LEASE_SECONDS", "soon", "GATEWAY_LEASE_SECONDS"),
        ("GATEWAY_DATABASE_URL", "mysql://root:secret@localhost/x", "GATEWAY_DATABASE_URL"),
        ("GATEWAY_DATABASE_URL", "sqlite:///nowhere/gateway.db", "nowhere"),
        ("GATEWAY_DATABASE_URL", "sqlite:////proc/gateway.db", "/proc"),
        ("GATEWAY_DATABASE_URL", no_database, "letter.txt"),
        ("GATEWAY_JOURNAL_KEY", "c2VjcmV0", "GATEWAY_JOURNAL_KEY"),
        ("GATEWAY_AMQP_PREFIX", "with blanks", "GATEWAY_AMQP_PREFIX"),
        ("GATEWAY_AMQP_URL", "gateway:secret@rabbit:5672", "GATEWAY_AMQP_URL"),
        ("GATEWAY_MESH_URL", "mesh.example", "GATEWAY_MESH_URL"),
        ("GATEWAY_MESH_URL", "https://mesh.example", "GATEWAY_MESH_PASSWORD"),
    ],
)
def test_a_check_names_a_wrong_setting_in_a_sentence(
    setting: str, value: str | Callable[[Path], str], named: str, tmp_path: Path
) -> None:
    stated = value if isinstance(value, str) else value(tmp_path)
    said = within_this_process("check", folder=tmp_path, **{setting: stated})
    assert named in said.err
    assert "secret" not in said.out + said.err
    assert said.code == 2


def test_serve_does_not_start_with_wrong_settings(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        taken = gateway("serve", folder=tmp_path, GATEWAY_PORT=port)
    wrong_policy, wrong_url = (
        within_this_process(
            "serve", folder=tmp_path, GATEWAY_PORT=str(free_port()), **{name: value}
        )
        for name, value in (
            ("GATEWAY_POLICY", a_wrong_policy(tmp_path)),
            ("GATEWAY_AMQP_URL", "gateway:secret@rabbit:5672"),
        )
    )
    for one, named in (
        (taken, port),
        (wrong_policy, "our-policy.yaml:5"),
        (wrong_url, "GATEWAY_AMQP_URL"),
    ):
        (sentence,) = one.err.splitlines()
        assert named in sentence
        assert one.code == 2


def test_a_check_without_rabbitmq_says_that_it_is_embedded(tmp_path: Path) -> None:
    said = within_this_process("check", folder=tmp_path)
    assert said.code == 0, said.err
    assert "bases that are on: agreed, direct-care, s23" in said.out
    assert "Cheshire West and Chester" in said.out
    assert "can be written" in said.out
    assert "embedded" in said.out


@pytest.mark.rabbitmq
def test_a_check_tells_missing_queues_from_a_broker_that_is_away(tmp_path: Path) -> None:
    def check(url: str, prefix: str) -> Said:
        over = {"GATEWAY_AMQP_URL": url, "GATEWAY_AMQP_PREFIX": prefix}
        return within_this_process("check", folder=tmp_path, **over)

    with queues_of_its_own(amqp_url()) as prefix:
        there = check(amqp_url(), prefix)
    assert there.code == 0, there.err
    assert "exchanges and queues are there" in there.out
    missing = check(amqp_url(), prefix)
    assert missing.code == 1
    assert f"{prefix}education" in missing.err
    away = check(f"amqp://gateway:secret@127.0.0.1:{free_port()}/%2F", prefix)
    assert away.code == 3
    assert "secret" not in away.out + away.err


def test_a_check_names_what_is_wrong_with_mesh(tmp_path: Path) -> None:
    area = {"GATEWAY_DIRECTORY": str(an_area(tmp_path))}
    said = within_this_process("check", folder=tmp_path, **area)
    assert (said.code, "GATEWAY_MESH_URL is not set" in said.err) == (2, True)
    mesh = {"MAILBOX": OURS, "PASSWORD": "secret", "SHARED_KEY": "secret"}
    over = {f"GATEWAY_MESH_{name}": value for name, value in mesh.items()}
    over |= area | {"GATEWAY_MESH_URL": f"http://127.0.0.1:{free_port()}"}
    said = within_this_process("check", folder=tmp_path, **over)
    assert (said.code, f"mailbox {OURS}: away" in said.err) == (3, True)
    assert "secret" not in said.out + said.err
    main = tmp_path / "area" / "directory.yaml"
    main.write_text(main.read_text().replace("format: fhir+json", "format: fax"))
    said = within_this_process("check", folder=tmp_path, **over)
    assert (said.code, "there is no format fax" in said.err) == (2, True)


def test_check_looks_at_mesh_also_where_rabbitmq_is_away(tmp_path: Path) -> None:
    said = within_this_process(
        "check",
        folder=tmp_path,
        GATEWAY_AMQP_URL="amqp://guest:guest@127.0.0.1:9/",
        GATEWAY_MESH_URL="http://127.0.0.1:9",
        GATEWAY_MESH_MAILBOX="X26ABC1",
        GATEWAY_MESH_PASSWORD="password",
        GATEWAY_MESH_SHARED_KEY="a key of the tests",
    )
    assert said.code == 3
    assert "rabbitmq    " in said.err
    assert "mailbox X26ABC1: away" in said.err
