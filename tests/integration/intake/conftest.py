"""A gateway without HTTP on each database: the real intake, the real journal, the example area."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from gateway.journal import Codec, Journal
from gateway.journal.tables import metadata
from gateway.policy.model import Policy
from tests.builders import default_policy
from tests.integration.intake.desk import Desk
from tests.integration.journal.conftest import (  # noqa: F401 - fixtures
    another,
    codec,
    database,
    journal,
    migrated_postgres,
    migrated_sqlite,
)
from tests.services import driver_url

Open = Callable[..., Desk]


@pytest.fixture
def postgres(migrated_postgres: str) -> str:  # noqa: F811
    """The URL of an empty journal on PostgreSQL; to delete a few rows is quicker than to truncate."""
    with psycopg.connect(driver_url(migrated_postgres)) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(f"DELETE FROM {table.name}")
    return migrated_postgres


@pytest.fixture
def opened(journal: Journal, codec: Codec) -> Open:  # noqa: F811
    """Opens a desk on the journal, with another policy or a broker where a test says so."""

    def open_desk(
        on: Journal | None = None, policy: Policy | None = None, **settings: object
    ) -> Desk:
        return Desk(on or journal, codec, policy or default_policy(), **settings)

    return open_desk


@pytest.fixture
def desk(opened: Open) -> Desk:
    """One embedded gateway: alerts wait in the mailbox until an agency reads them."""
    return opened()


@pytest.fixture
def other_desk(opened: Open, another: Journal) -> Iterator[Desk]:  # noqa: F811
    """Another gateway on the same database."""
    return opened(another)
