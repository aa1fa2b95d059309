"""One gateway for the tests that only send: over the real RabbitMQ, its queues declared by command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.broker import Topology, remove, remove_policy
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import JOURNAL_KEY, Serving, unique_prefix
from tests.services import amqp_url, scratch_database

OTHERS = ("ods:RBT", "urn:199901", "urn:199902")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway on RabbitMQ and PostgreSQL, as a deployment is; its topology was just applied."""
    topology = Topology(unique_prefix())
    with scratch_database() as database, ExitStack() as afterwards:
        serving = Serving(
            tmp_path_factory.mktemp("served"),
            GATEWAY_DATABASE_URL=database,
            GATEWAY_JOURNAL_KEY=JOURNAL_KEY,
            GATEWAY_PUBLIC_URL="https://gateway.example",
            GATEWAY_AMQP_URL=amqp_url(),
            GATEWAY_AMQP_PREFIX=topology.prefix,
        )
        afterwards.callback(remove, amqp_url(), topology)
        afterwards.callback(remove_policy, amqp_url(), topology)
        afterwards.callback(serving.clean_up)
        applied = serving.run("topology", "apply")
        assert applied.code == 0, applied.err
        serving.start()
        yield serving


@pytest.fixture(scope="session")
def key(served: Serving) -> str:
    """The health visitors' trust's key; it may speak for the other sources of the samples."""
    return served.key("ods:RXA", *(f"--speaks-for={source}" for source in OTHERS))


@pytest.fixture(scope="session")
def partner(served: Serving) -> Iterator[Partner]:
    """A consumer of all three queues of that gateway."""
    with Partner(amqp_url(), served.settings["GATEWAY_AMQP_PREFIX"]) as partner:
        yield partner
