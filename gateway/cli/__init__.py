"""The command `gateway`.

Exit codes: 0 done · 1 a message was refused, or a check found a fault · 2 wrong usage or
configuration · 3 something that is needed does not answer; trying again may help.
"""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from gateway.broker import BrokerError
from gateway.cli import (
    check,
    consume,
    demo,
    files,
    mesh,
    orgs,
    policy,
    schemas,
    send,
    serve,
    topology,
    watch,
)
from gateway.cli.console import FAULT, RETRY, USAGE, err
from gateway.directory import DirectoryFault
from gateway.journal import AlreadyServed, JournalAway, JournalError
from gateway.logs import configure_logs
from gateway.policy.loader import PolicyFaults
from schemas.codes import TableFault

app = typer.Typer(
    help=(
        "Early Identification Gateway: makes a child's early signs of need reach, once and safely, "
        "everyone who must act. Settings come from the environment (GATEWAY_*)."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() and sys.stderr.isatty() else None,
)
app.command()(serve.serve)
app.command()(serve.relay)
app.command()(mesh.mesh)
app.command()(send.send)
app.command()(files.check_file)
app.command()(watch.watch)
app.command()(consume.consume)
app.command()(demo.demo)
app.command()(check.check)
app.add_typer(policy.app, name="policy", help="Read the sharing policy, and see it decide.")
app.add_typer(topology.app, name="topology", help="Declare and check exchanges and queues.")
app.add_typer(orgs.app, name="org", help="Register who may send, and with which key.")
app.command()(schemas.schemas)


def main() -> None:
    """Run the command; every expected fault becomes one plain sentence and an exit code."""
    configure_logs()
    try:
        app()
    except (PolicyFaults, DirectoryFault, TableFault) as faults:
        err(str(faults))
        sys.exit(USAGE)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in detail["loc"]).upper()
            err(f"GATEWAY_{name}: {detail['msg'].removeprefix('Value error, ')}")
        sys.exit(USAGE)
    except (JournalAway, BrokerError) as away:
        err(str(away))
        sys.exit(RETRY)
    except AlreadyServed as served:
        err(str(served))
        sys.exit(FAULT)
    except JournalError as error:
        err(str(error))
        sys.exit(USAGE)
