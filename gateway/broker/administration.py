"""Declares, checks, counts and removes the topology; deployment and operators run it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pika.exceptions import ChannelClosedByBroker

from gateway.broker.connection import BrokerRefused, blocking, parameters
from gateway.broker.topology import Exchange, Queue, Topology

NOT_FOUND, PRECONDITION_FAILED = 404, 406


def apply(url: str, topology: Topology) -> None:
    """Declare everything; what is there and equal stays as it is.

    Raises TopologyFault where something is there with other arguments, BrokerRefused where the
    user of `url` may not configure it, BrokerAway.
    """
    with blocking(url, "gateway topology apply") as connection:
        for exchange in topology.exchanges:
            _declare(connection, exchange)
        channel = connection.channel()
        for queue in topology.queues:
            _declare(connection, queue)
            channel.queue_bind(queue.name, queue.binding.exchange, queue.binding.routing_key)


def missing(url: str, topology: Topology) -> list[str]:
    """A sentence for each exchange and queue that is not there. Needs no permission."""
    with blocking(url, "gateway topology missing") as connection:
        things = topology.exchanges + topology.queues
        return [told for thing in things if (told := _fault(connection, thing, passive=True))]


def drift(url: str, topology: Topology) -> list[str]:
    """A sentence for each exchange and queue that is missing or has other arguments; makes none.

    The user of `url` needs the right to configure. AMQP does not show bindings: where one is
    missing, publishing says UNROUTABLE, and `apply` makes it. Raises BrokerRefused, BrokerAway.
    """
    with blocking(url, "gateway topology check") as connection:
        return [
            told
            for thing in topology.exchanges + topology.queues
            if (told := _fault(connection, thing, passive=True) or _fault(connection, thing))
        ]


def depths(url: str, topology: Topology) -> dict[str, int]:
    """Alerts ready in each queue that is there, by its name without the prefix."""
    with blocking(url, "gateway topology depths") as connection:
        return {
            queue.name.removeprefix(topology.prefix): _declare(connection, queue, passive=True)
            for queue in topology.queues
            if not _fault(connection, queue, passive=True)
        }


def remove(url: str, topology: Topology) -> None:
    """Delete the exchanges and queues of a demonstration or test, with all that is in them."""
    if not topology.prefix:
        raise ValueError("without a prefix these are the real queues: they are not removed")
    with blocking(url, "gateway topology remove") as connection:
        channel = connection.channel()
        channel.exchange_delete(topology.alerts.name)
        for queue in reversed(topology.queues):
            channel.queue_delete(queue.name)
        channel.exchange_delete(topology.dead.name)


def _declare(connection: Any, thing: Exchange | Queue, passive: bool = False) -> int:
    """Declare on a channel of its own, which a refusal closes. Returns a queue's ready alerts."""
    channel = connection.channel()
    if isinstance(thing, Exchange):
        channel.exchange_declare(thing.name, thing.type, passive=passive, durable=True)
        ready = 0
    else:
        arguments = dict(thing.arguments)
        frame = channel.queue_declare(thing.name, passive, durable=True, arguments=arguments)
        ready = frame.method.message_count
    channel.close()
    return ready


def _fault(connection: Any, thing: Exchange | Queue, passive: bool = False) -> str | None:
    """What RabbitMQ says against a declaration; nothing where it is content."""
    try:
        _declare(connection, thing, passive)
    except ChannelClosedByBroker as error:
        if error.reply_code not in (NOT_FOUND, PRECONDITION_FAILED):
            raise
        return str(error.reply_text)
    return None


def apply_policy(url: str, topology: Topology, management_url: str | None = None) -> list[str]:
    """Set the numbers of the living queues. Returns nothing, or the commands that someone must run.

    Tries the management API as the user of `url` (at `management_url`, else on the host of `url` at
    its usual port), then `rabbitmqctl` where that speaks to the broker of `url`.
    """
    policy, definition = topology.policy, dict(topology.policy.definition)
    body = {"pattern": policy.pattern, "definition": definition, "priority": policy.priority}
    call = ("PUT", body | {"apply-to": "queues"})
    options = ["--apply-to", "queues", "--priority", str(policy.priority)]
    command = ["set_policy", *options, policy.name, policy.pattern, json.dumps(definition)]
    return _administer(url, topology, management_url, call, command)


def remove_policy(url: str, topology: Topology, management_url: str | None = None) -> list[str]:
    """Take the numbers away again, in the way of `apply_policy`."""
    command = ["clear_policy", topology.policy.name]
    return _administer(url, topology, management_url, ("DELETE", None), command)


def _administer(
    url: str,
    topology: Topology,
    management_url: str | None,
    call: tuple[str, Any],
    command: list[str],
) -> list[str]:
    node = parameters(url, "")[0]
    usual = "https://{}:15671" if node.ssl_options else "http://{}:15672"
    base = (management_url or usual.format(node.host)).rstrip("/")
    path = f"/api/policies/{quote(node.virtual_host, safe='')}/{quote(topology.policy.name)}"
    login = (node.credentials.username, node.credentials.password)
    # Only here: the relay starts without it.
    import httpx

    try:
        if httpx.request(call[0], base + path, auth=login, json=call[1], timeout=3).is_success:
            return []
    except httpx.HTTPError:
        pass  # no management API there: the next way
    command = ["rabbitmqctl", command[0], "-p", node.virtual_host, *command[1:]]
    if _rabbitmqctl_sees(url, topology, node.virtual_host) and _printed(*command) is not None:
        return []
    return [shlex.join(command)]


def _rabbitmqctl_sees(url: str, topology: Topology, vhost: str) -> bool:
    """Whether `rabbitmqctl` speaks to the broker of `url`: it lists a queue made there just now."""
    if not shutil.which("rabbitmqctl"):
        return False
    probe = f"{topology.prefix}probe-{uuid4()}"
    try:
        with blocking(url, "gateway topology apply") as connection:
            connection.channel().queue_declare(probe, exclusive=True)
            return probe in (_printed("rabbitmqctl", "-q", "list_queues", "-p", vhost) or "")
    except BrokerRefused:
        return False


def _printed(*command: str) -> str | None:
    """What the command printed; None where it failed."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the words are ours
            command, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
