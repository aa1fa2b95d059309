"""A gateway without HTTP on each database: the real intake, the real journal, the example area."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.journal import Codec, Journal
from gateway.policy.model import Policy
from tests.builders import default_policy
from tests.integration.intake.desk import Desk
from tests.integration.journal.conftest import (  # noqa: F401 - fixtures
    another,
    codec,
    empty_journal,
    journal,
    migrated_postgres,
    migrated_sqlite,
    postgres,
)

Open = Callable[..., Desk]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.long])]
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty journal.

    The statements are the journal's, whose tests run on both databases; here those do that are
    `on_both`: repeats, failures and work side by side. `make test-long` runs all on PostgreSQL too.
    """
    return empty_journal(request, tmp_path)


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
