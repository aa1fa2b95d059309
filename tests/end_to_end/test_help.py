"""Every command explains itself, in words and without escape codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from gateway.cli import COMMANDS, app
from tests.end_to_end.running import MESSAGES, environment, gateway, within_this_process

ALL = (
    "serve", "relay", "mesh", "send", "check-file", "watch", "consume", "demo", "check", "schemas",
    "policy print", "policy explain", "topology apply", "topology check", "topology definitions",
    "org add", "org list", "org revoke",
)  # fmt: skip


def test_the_command_lists_what_it_can(tmp_path: Path) -> None:
    said = gateway("--help", folder=tmp_path)
    assert said.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f" {name} " in said.out
        assert line in " ".join(said.out.split())
    assert "GATEWAY_" in said.out


@pytest.mark.parametrize("group", sorted({name.split()[0] for name in ALL if " " in name}))
def test_a_group_lists_its_commands_and_cuts_no_line(group: str, tmp_path: Path) -> None:
    said = within_this_process(group, "--help", folder=tmp_path)
    for command in (name for name in ALL if name.startswith(f"{group} ")):
        assert f" {command.split()[1]} " in said.out
    assert "..." not in said.out.partition("Commands:")[2]


@pytest.mark.parametrize("command", ALL)
def test_a_command_says_what_it_does_and_what_each_word_means(command: str, tmp_path: Path) -> None:
    told = app
    for word in command.split():
        _, told, _ = told.resolve_command(typer.Context(told), [word])
    assert told.help
    if command in COMMANDS:
        assert COMMANDS[command][1] == " ".join(told.help.partition("\n\n")[0].split())
    assert not [p.name for p in told.params if not getattr(p, "help", None) and p.name != "help"]
    said = within_this_process(*command.split(), "--help", folder=tmp_path)
    assert said.code == 0
    assert " ".join(told.help.split()[:6]) in " ".join(said.out.split())


SERVING = {"fastapi", "fhir", "jinja2", "openpyxl", "uvicorn"}
JOURNAL = {"alembic", "cryptography", "sqlalchemy"}
RULES = {"pydantic_settings", "yaml", "schemas.message"}
SENDS = ["gateway", "send", "--key", "k", "--url", "http://127.0.0.1:9", MESSAGES / "review.json"]
SEND = (
    f"import sys; sys.argv = {[str(word) for word in SENDS]}; from gateway.cli import main; main()"
)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        pytest.param(SEND, SERVING | JOURNAL | RULES | {"pika"}, id="send"),
        pytest.param("import gateway.relay", SERVING | {"alembic", "httpx", "yaml"}, id="relay"),
    ],
)
def test_what_is_started_often_starts_without_what_it_does_not_need(
    code: str, heavy: set[str], tmp_path: Path
) -> None:
    show = "import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules)); "
    done = subprocess.run(
        [sys.executable, "-c", show + code],
        cwd=tmp_path, env=environment({}), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    *_, loaded = done.stdout.splitlines()
    assert {"structlog", "pydantic"} <= set(loaded.split())
    assert not heavy & set(loaded.split())
