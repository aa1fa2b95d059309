"""Every command explains itself, in words and without escape codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import app
from tests.end_to_end.running import gateway

COMMANDS = (
    "serve", "relay", "send", "consume", "demo", "check", "schemas",
    "policy print", "policy explain", "topology apply", "topology check", "topology definitions",
    "org add", "org list", "org revoke",
)  # fmt: skip


def test_the_command_lists_what_it_can(tmp_path: Path) -> None:
    said = gateway("--help", folder=tmp_path)
    assert said.code == 0
    for command in COMMANDS:
        assert command.split()[0] in said.out
    assert "GATEWAY_" in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_does(command: str) -> None:
    said = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "100"})
    assert said.exit_code == 0
    sentence = said.output.split("\n\n")[1].strip() if "\n\n" in said.output else said.output
    assert sentence
    undocumented = [
        parameter.name
        for parameter in command_named(command).params
        if not getattr(parameter, "help", None) and not getattr(parameter, "hidden", False)
    ]
    assert not undocumented
    assert command_named(command).help


def command_named(words: str) -> typer.core.TyperCommand:
    command = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    return command  # type: ignore[return-value]
