"""`gateway topology`: exchanges, queues, users."""

from __future__ import annotations

import json
import os

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
def definitions() -> None:
    """Print a definitions file for RabbitMQ's `load_definitions`: topology, users, permissions.

    Passwords come from the environment, so that no list of processes shows them: TOPOLOGY_PASSWORD,
    GATEWAY_PASSWORD, DEAD_PASSWORD, EDUCATION_PASSWORD, HEALTH_PASSWORD, SOCIAL_CARE_PASSWORD.
    """
    topology = broker.Topology(Settings().amqp_prefix)
    variables = {
        user: f"{user.upper().replace('-', '_')}_PASSWORD" for user in topology.permissions
    }
    if unset := [name for name in variables.values() if not os.environ.get(name)]:
        fail(f"Set {', '.join(unset)}.", USAGE)
    users = {user: os.environ[name] for user, name in variables.items()}
    typer.echo(json.dumps(broker.definitions(topology, users), indent=2))
