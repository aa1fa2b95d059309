"""`gateway mesh`: look after the MESH mailbox."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.console import USAGE, fail, say
from gateway.mesh.poller import run_poller
from gateway.settings import Settings
from gateway.storage import open_journal


def mesh(
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Make due again all that MESH could not deliver, and end."
        ),
    ] = False,
) -> None:
    """Take what comes to the MESH mailbox, answer it, and follow what was sent."""
    settings = Settings()
    if settings.mesh_url is None:
        fail("GATEWAY_MESH_URL is not set: there is no mailbox to look after.", USAGE)
    if retry_failed:
        with open_journal(settings, must_exist=True) as journal:
            count = journal.deliveries.retry_failed("mesh", everything=True)
        say(f"{count} delivery(s) will be sent again.")
        return
    run_poller(settings)
