"""`gateway serve`: take messages."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from gateway import app
from gateway.cli.console import USAGE, fail, say
from gateway.cli.orgs import register
from gateway.examples import EXAMPLES, MESSAGES, SPEAKS_FOR, SUPPLIER
from gateway.service import Service
from gateway.settings import Settings

SAMPLE = MESSAGES / "review.json"
OTHER_SAMPLE = EXAMPLES / "fhir" / "r4" / "report.json"


def serve(
    no_relay: Annotated[
        bool,
        typer.Option(
            "--no-relay",
            help="Run no relay, and no poller of the MESH mailbox: others do, on other machines.",
        ),
    ] = False,
    show_curl: Annotated[
        bool,
        typer.Option(
            "--show-curl", help="Make a key for this run, and print a curl line that works."
        ),
    ] = False,
) -> None:
    """Take messages over HTTP, and deliver alerts by a relay of its own."""
    settings = Settings()

    def ready(service: Service) -> None:
        where = f"http://{settings.host}:{settings.port}"
        how = "RabbitMQ" if settings.channel == "amqp" else "the mailbox (embedded, no RabbitMQ)"
        say(f"Serving on [bold]{where}[/]  ·  journal {_shown(settings)}  ·  alerts to {how}")
        if show_curl:
            say(_curl(service, where))

    try:
        app.run(settings, relay=not no_relay, ready=ready)
    except OSError as error:
        fail(f"Cannot serve on {settings.host}:{settings.port}: {error.strerror}.", USAGE)


def _shown(settings: Settings) -> str:
    return settings.database_url.split("@")[-1]


def _curl(service: Service, where: str) -> str:
    """Make a key that may send every sample, and return the line that sends one."""
    key = register(service.journal, service.rules.directory, SUPPLIER, speaks_for=SPEAKS_FOR).key
    return (
        "\nSend a sample message (this key is new with each start):\n\n"
        f"  curl -i {where}/messages -H 'Authorization: Bearer {key}' \\\n"
        f"       -H 'Content-Type: application/json' --data-binary @{_relative(SAMPLE)}\n\n"
        f"Every other sample:       export GATEWAY_URL={where} GATEWAY_KEY={key}\n"
        f"                          {sys.argv[0]} send {_relative(OTHER_SAMPLE)}\n"
        f"What an agency receives:  {sys.argv[0]} consume education\n"
        f"The API's description:    {where}/docs\n"
    )


def _relative(path: object) -> str:
    return os.path.relpath(str(path))
