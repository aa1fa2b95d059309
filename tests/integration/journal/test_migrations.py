"""The migrations make the tables that the code means, also when many start at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from gateway.journal import Codec, Journal, JournalError, migrate
from gateway.journal.tables import metadata
from tests.services import scratch_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/gateway.db"
    else:
        with scratch_database() as url:
            yield url


def test_migrations_and_metadata_agree(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_several_gateways_may_migrate_at_once_and_again(empty: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(migrate, [empty] * 6))
    migrate(empty)
    engine = create_engine(empty)
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_a_database_of_a_newer_gateway_is_refused(empty: str) -> None:
    migrate(empty)
    engine = create_engine(empty)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    with pytest.raises(JournalError, match="newer gateway"):
        migrate(empty)


def test_a_database_without_tables_is_refused(empty: str, codec: Codec) -> None:
    with pytest.raises(JournalError, match="migrate it first"):
        Journal(empty, codec)
