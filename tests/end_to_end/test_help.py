"""Every command explains itself, in words and without escape codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from gateway.cli import app
from tests.end_to_end.running import gateway, within_this_process

COMMANDS = (
    "serve", "relay", "mesh", "send", "check-file", "watch", "consume", "demo", "check", "schemas",
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
def test_a_command_says_what_it_does_and_what_each_word_means(command: str, tmp_path: Path) -> None:
    told = typer.main.get_command(app)
    for word in command.split():
        told = told.commands[word]
    assert told.help
    assert not [p.name for p in told.params if not getattr(p, "help", None) and p.name != "help"]
    said = within_this_process(*command.split(), "--help", folder=tmp_path)
    assert said.code == 0
    assert " ".join(told.help.split()[:6]) in " ".join(said.out.split())
