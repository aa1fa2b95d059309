"""`gateway topology`: exchanges, queues, users."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway import broker
from gateway.cli.console import FAULT, USAGE, fail, say
from gateway.settings import Settings

app = typer.Typer(no_args_is_help=True)


def admin_url(settings: Settings) -> str:
    """Return the address with which the topology may be configured."""
    url = settings.amqp_admin_url or settings.amqp_url
    if url is None:
        fail("Set GATEWAY_AMQP_ADMIN_URL to RabbitMQ's address as user `topology`.", USAGE)
    return url.get_secret_value()


@app.command()
def apply() -> None:
    """Declare exchanges and queues; what is there and equal stays as it is."""
    settings = Settings()
    url, topology = admin_url(settings), broker.Topology(settings.amqp_prefix)
    broker.apply(url, topology)
    names = ", ".join(queue.name for queue in topology.queues)
    say(f"Declared at {broker.masked(url)}: {names}")
    if commands := broker.apply_policy(url, topology):
        say("Limits are set as a policy, which this user could not set. Run where RabbitMQ runs:")
        for command in commands:
            say(f"  {command}")
    else:
        say(f"Limits set as policy `{topology.policy.name}`.")


@app.command()
def check() -> None:
    """Find what is missing or declared with other arguments. Changes nothing."""
    settings = Settings()
    url, topology = admin_url(settings), broker.Topology(settings.amqp_prefix)
    faults = broker.drift(url, topology)
    for fault in faults:
        say(fault)
    if faults:
        fail("Run `gateway topology apply`; what differs must be emptied and deleted first.", FAULT)
    for name, ready in broker.depths(url, topology).items():
        say(f"{name:<20} {ready:>7} waiting")


@app.command()
def definitions(
    password: Annotated[
        list[str] | None,
        typer.Option(help="USER=PASSWORD, of topology, gateway, an agency or dead; repeat it."),
    ] = None,
) -> None:
    """Print a definitions file for RabbitMQ's `load_definitions`: topology, users, permissions."""
    users = {}
    for pair in password or ():
        name, equals, secret = pair.partition("=")
        if not equals or not secret:
            fail(f"`{name}`: write it as USER=PASSWORD.", USAGE)
        users[name] = secret
    topology = broker.Topology(Settings().amqp_prefix)
    typer.echo(json.dumps(broker.definitions(topology, users), indent=2))
