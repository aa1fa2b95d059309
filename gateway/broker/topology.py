"""What must exist in RabbitMQ, as values: the one truth for declaring, checking and deploying."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.words import AGENCIES


@dataclass(frozen=True)
class Exchange:
    """A durable exchange of type `topic` or `direct`."""

    name: str
    type: str


@dataclass(frozen=True)
class Binding:
    """The only way into a queue."""

    exchange: str
    queue: str
    routing_key: str


@dataclass(frozen=True)
class Queue:
    """A durable quorum queue, its structure as arguments, and its one binding."""

    name: str
    arguments: Mapping[str, str | int]
    binding: Binding


@dataclass(frozen=True)
class Policy:
    """The numbers of the living queues: a policy may change while they live, an argument never."""

    name: str
    pattern: str
    definition: Mapping[str, int]
    priority: int = 10


@dataclass(frozen=True)
class Topology:
    """Exchange `alerts`, a queue for each agency, its dead letters, and their policy.

    `prefix` (up to 100 letters, digits and `. _ : -`) goes into each name and pattern and never
    into a routing key. No alternate exchange: with one, RabbitMQ confirms what nobody gets.
    """

    prefix: str = ""
    delivery_limit: int = 5
    """Failed deliveries that an alert may have: n allow n + 1 deliveries, then it is dead."""
    max_length: int = 1_000_000
    """Alerts in a queue, from which on RabbitMQ refuses. Not exact: some hundreds more get in."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(?!amq\.)[A-Za-z0-9._:-]{0,100}", self.prefix):
            raise ValueError(
                f"prefix {self.prefix!r}: right are up to 100 letters, digits and . _ : -"
                " (names from amq. on are RabbitMQ's own)"
            )

    @property
    def alerts(self) -> Exchange:
        return Exchange(f"{self.prefix}alerts", "topic")

    @property
    def dead(self) -> Exchange:
        return Exchange(f"{self.prefix}alerts.dead", "direct")

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        return self.alerts, self.dead

    @property
    def queues(self) -> tuple[Queue, ...]:
        """Each queue after its dead one: without that, dead letters would be stuck, unseen."""
        return tuple(make(agency) for agency in AGENCIES for make in (self._dead, self._living))

    def _dead(self, agency: str) -> Queue:
        # A million is no limit at all, which 3.10 and 4.x read alike. Without the argument 4.x
        # would delete a dead letter after 21 looks; with -1, 3.10 would after one.
        name = f"{self.prefix}{agency}.dead"
        return Queue(
            name,
            {
                "x-queue-type": "quorum",
                "x-delivery-limit": 1_000_000,
                "x-overflow": "reject-publish",
            },
            Binding(self.dead.name, name, agency),
        )

    def _living(self, agency: str) -> Queue:
        # The lower of argument and policy wins: 20, the default of 4.x, is only the ceiling.
        name = f"{self.prefix}{agency}"
        return Queue(
            name,
            {
                "x-queue-type": "quorum",
                "x-delivery-limit": 20,
                "x-dead-letter-exchange": self.dead.name,
                "x-dead-letter-routing-key": agency,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
            Binding(self.alerts.name, name, f"{agency}.#"),
        )

    def queue(self, name: str) -> Queue:
        """`education`, `education.dead` and so on. Raises ValueError for another name."""
        by_name = {queue.name.removeprefix(self.prefix): queue for queue in self.queues}
        if name not in by_name:
            raise ValueError(f"there is no queue {name!r}; there are {', '.join(by_name)}")
        return by_name[name]

    @property
    def bindings(self) -> tuple[Binding, ...]:
        return tuple(queue.binding for queue in self.queues)

    @property
    def policy(self) -> Policy:
        return Policy(
            f"{self.prefix}agencies",
            f"^{self._pattern}({'|'.join(AGENCIES)})$",
            {"delivery-limit": self.delivery_limit, "max-length": self.max_length},
        )

    @property
    def permissions(self) -> dict[str, tuple[str, str, str]]:
        """For each user the least that works: patterns of what it may configure, write, read."""
        return {
            "topology": (f"^{self._pattern}.*",) * 3,
            "gateway": ("^$", f"^{self._pattern}alerts$", "^$"),
            **{agency: ("^$", "^$", f"^{self._pattern}{agency}$") for agency in AGENCIES},
            "dead": ("^$", "^$", rf"^{self._pattern}({'|'.join(AGENCIES)})\.dead$"),
        }

    @property
    def _pattern(self) -> str:
        return self.prefix.replace(".", r"\.")


def definitions(topology: Topology, users: Mapping[str, str], vhost: str = "/") -> dict[str, Any]:
    """The topology as a definitions file, for `load_definitions` at a node's first start.

    `users` are those to make, of `topology.permissions`, with their passwords: each import sets
    these again. Raises ValueError for another name, or a blank password, which locks its user out.
    """
    for user, password in users.items():
        if user not in topology.permissions:
            raise ValueError(f"no user {user!r}; there are {', '.join(topology.permissions)}")
        if not password:
            raise ValueError(f"the password of user {user} is blank: RabbitMQ lets none such in")
    durable = {"vhost": vhost, "durable": True, "auto_delete": False}
    policy = topology.policy
    rights = ("configure", "write", "read")
    return {
        "vhosts": [{"name": vhost}],
        "users": [
            {
                "name": user,
                "password_hash": _password_hash(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                # `topology` sets the numbers through the management API, which asks for this tag.
                "tags": "policymaker" if user == "topology" else "",
            }
            for user, password in users.items()
        ],
        "permissions": [
            {"user": user, "vhost": vhost}
            | dict(zip(rights, topology.permissions[user], strict=True))
            for user in users
        ],
        "exchanges": [
            {"name": e.name, "type": e.type, "internal": False, "arguments": {}, **durable}
            for e in topology.exchanges
        ],
        "queues": [
            {"name": queue.name, "arguments": dict(queue.arguments), **durable}
            for queue in topology.queues
        ],
        "bindings": [
            {
                "vhost": vhost,
                "source": binding.exchange,
                "destination": binding.queue,
                "destination_type": "queue",
                "routing_key": binding.routing_key,
                "arguments": {},
            }
            for binding in topology.bindings
        ],
        "policies": [
            {
                "vhost": vhost,
                "name": policy.name,
                "pattern": policy.pattern,
                "apply-to": "queues",
                "priority": policy.priority,
                "definition": dict(policy.definition),
            }
        ],
    }


def _password_hash(password: str) -> str:
    """RabbitMQ's own form: base64 of the salt and the SHA-256 of salt and password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
