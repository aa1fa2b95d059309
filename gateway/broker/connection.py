"""How this room reaches RabbitMQ: addresses, limits in time, and what is said when it fails.

BrokerError
├── BrokerAddressWrong   the address itself cannot be read
├── BrokerAway           no node answers, or the connection was lost: trying again helps
├── BrokerRefused        the user lacks a permission: trying again does not help
└── TopologyFault        an exchange or queue is missing, or is there with other arguments

No message carries a password.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

# pika logs each failed attempt as an error, and the body of a returned message as a warning:
# ours tell the former better, and the latter is a child's data.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class BrokerError(Exception):
    """Something between the gateway and RabbitMQ went wrong."""


class BrokerAddressWrong(BrokerError, ValueError):
    """The address cannot be read."""


class BrokerAway(BrokerError):
    """No node answers, or the connection was lost."""


class BrokerRefused(BrokerError):
    """RabbitMQ knows this user, and does not let them do this."""


class TopologyFault(BrokerError):
    """An exchange or queue is missing, or is there with other arguments."""


def nodes(url: str) -> list[str]:
    """The addresses in `url`: one, or several of one cluster with commas between them."""
    return re.split(r",(?=amqps?://)", url.strip())


def masked(url: str) -> str:
    """`url` as it may be shown and logged: no password, no options."""
    shown = (re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", node) for node in nodes(url))
    return ",".join(node.partition("?")[0] for node in shown)


def parameters(url: str, purpose: str, heartbeat: int = 30) -> list[pika.URLParameters]:
    """pika's parameters for every node of `url`, shuffled so that clients spread over a cluster.

    `purpose` names the connection in RabbitMQ's own lists; `heartbeat` is in seconds.
    Raises BrokerAddressWrong.
    """
    found = []
    for node in nodes(url):
        try:
            if not re.match(r"amqps?://", node):
                raise ValueError
            node_parameters = pika.URLParameters(node)
        except (ValueError, TypeError):  # their texts may quote the password
            raise BrokerAddressWrong(
                f"{masked(node)} is not an address of RabbitMQ; right is"
                " amqp://user:password@host:5672/vhost, special characters percent-encoded,"
                " and the vhost / written as %2F"
            ) from None
        node_parameters.heartbeat = heartbeat
        node_parameters.blocked_connection_timeout = 60
        node_parameters.socket_timeout = 2
        node_parameters.stack_timeout = 4
        node_parameters.client_properties = {"connection_name": purpose}
        found.append(node_parameters)
    random.shuffle(found)
    return found


def away(url: str, error: BaseException) -> BrokerAway:
    """The error to raise where no node of `url` could be reached, or the connection broke."""
    while nested := _inside(error):
        error = nested
    if isinstance(error, ProbableAuthenticationError | AuthenticationError):
        why = "it refuses this user or password"
    elif isinstance(error, ProbableAccessDeniedError):
        why = "this vhost does not exist, or this user may not enter it"
    else:
        why = str(error) or type(error).__name__
    return BrokerAway(f"RabbitMQ at {masked(url)} cannot be reached: {why}")


def _inside(error: BaseException) -> BaseException | None:
    """What pika wrapped in `error`: a list of attempts, a phase of connecting, or an argument."""
    attempts = getattr(error, "exceptions", None)
    wrapped = attempts[-1] if attempts else getattr(error, "exception", None)
    wrapped = wrapped or (error.args[0] if error.args else None)
    return wrapped if isinstance(wrapped, BaseException) else None


@contextmanager
def blocking(
    url: str, purpose: str, heartbeat: int = 30
) -> Iterator[pika.adapters.blocking_connection.BlockingConnection]:
    """A connection for plain code; what pika raises inside leaves as an error of this room."""
    try:
        connection = pika.BlockingConnection(parameters(url, purpose, heartbeat))
    except (AMQPError, AMQPConnectorException, OSError) as error:
        raise away(url, error) from error
    try:
        yield connection
    except ChannelClosedByBroker as error:
        raise _said_no(url, error) from error
    except AMQPError as error:
        raise away(url, error) from error
    finally:
        with suppress(AMQPError):  # a connection that is lost needs no closing
            if connection.is_open:
                connection.close()


def _said_no(url: str, error: ChannelClosedByBroker) -> BrokerError:
    """What it means that RabbitMQ closed a channel."""
    told = f"RabbitMQ at {masked(url)} says: {error.reply_text}"
    if error.reply_code == 403:
        return BrokerRefused(told)
    if error.reply_code == 404:
        return TopologyFault(f"{told}; `gateway topology apply` makes it")
    if "inequivalent arg" in error.reply_text:
        return TopologyFault(
            f"{told}; what exists never changes: empty and delete it,"
            " then `gateway topology apply` makes it anew"
        )
    return away(url, error)
