"""The command `gateway`.

Exit codes: 0 done · 1 a message was refused, or a check found a fault · 2 wrong usage or
configuration · 3 something that is needed does not answer; trying again may help.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gateway.logs import configure_logs

COMMANDS = {
    "serve": ("serve:serve", "Take messages over HTTP, and deliver alerts by a relay of its own."),
    "relay": ("relay:relay", "Deliver what is due: run as many as you like, they share the work."),
    "mesh": (
        "mesh:mesh",
        "Take what comes to the MESH mailbox, answer it, and follow what was sent.",
    ),
    "send": (
        "send:send",
        "Send messages, one per file, and print each receipt. Repeats are safe: nothing is sent twice.",
    ),
    "check-file": (
        "files:check_file",
        "Read a school's file here, and show who would be told. Nothing is sent or stored; no key.",
    ),
    "watch": (
        "watch:watch",
        "Send each file that is put into FOLDER, and move it to accepted/ or refused/ with its answer.",
    ),
    "consume": (
        "consume:consume",
        "Print alerts as they come. Each is acknowledged once it was printed.",
    ),
    "demo": (
        "demo:demo",
        "Send samples of all kinds through a real gateway, and show what each agency received.",
    ),
    "check": (
        "check:check",
        "Check settings, policy, directory, code tables, journal, RabbitMQ, MESH; say all that is wrong.",
    ),
    "policy": ("policy:app", "Read the sharing policy, and see it decide."),
    "topology": ("topology:app", "Declare and check exchanges and queues."),
    "org": ("orgs:app", "Register who may send, and with which key."),
    "schemas": (
        "schemas:schemas",
        "Write the JSON Schema of each kind of message, and of the alert.",
    ),
}
"""Where a command is, in this package, and its line in the list of commands."""

_MARKUP: Any = "rich" if sys.stdout.isatty() and sys.stderr.isatty() else None


class _Commands(TyperGroup):
    """Imports a command when it is called: each starts without what only the others need."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in COMMANDS:
            self.commands[args[0]] = _load(args[0])
        return super().resolve_command(ctx, args)


def _load(name: str) -> Any:
    where, line = COMMANDS[name]
    module, _, attribute = where.partition(":")
    # What is imported stays: to look for garbage in it takes a fifth of the time to import it.
    gc.disable()
    command = getattr(import_module(f"gateway.cli.{module}"), attribute)
    gc.freeze()
    gc.enable()
    one = typer.Typer(rich_markup_mode=_MARKUP)
    if isinstance(command, typer.Typer):
        one.add_typer(command, name=name, help=line)
    else:
        one.command(name)(command)
    loaded = typer.main.get_group(one).commands[name]
    for below in getattr(loaded, "commands", {}).values():
        below.short_help = below.help.partition("\n\n")[0]  # the whole line: Click cuts a help
    return loaded


app = _Commands(
    name="gateway",
    commands=[
        TyperCommand(name, help=line, short_help=line) for name, (_, line) in COMMANDS.items()
    ],
    help=(
        "Early Identification Gateway: makes a child's early signs of need reach, once and safely, "
        "everyone who must act. Settings come from the environment (GATEWAY_*)."
    ),
    no_args_is_help=True,
    rich_markup_mode=_MARKUP,
)


def main() -> None:
    """Run the command; every expected fault becomes one plain sentence and an exit code."""
    configure_logs()
    try:
        app()
    except Exception as error:  # noqa: BLE001 - what is not expected is raised again
        # Only here: most commands know few of the faults.
        from gateway.cli.faults import tell

        sys.exit(tell(error))
