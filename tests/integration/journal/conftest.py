"""A migrated journal on each database, empty for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.journal import Codec, Journal, migrate
from gateway.journal.tables import metadata
from tests.services import driver_url, scratch_database

SECRET = bytes(range(32))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("journal") / "template.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    with scratch_database() as url:
        migrate(url)
        yield url


@pytest.fixture
def postgres(migrated_postgres: str) -> str:
    """The URL of an empty journal on PostgreSQL."""
    with psycopg.connect(driver_url(migrated_postgres)) as connection:
        for table in reversed(metadata.sorted_tables):  # faster than TRUNCATE while they are small
            connection.execute(f'DELETE FROM "{table.name}"')
    return migrated_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty journal."""
    return empty_journal(request, tmp_path)


def empty_journal(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Empty the database that the parameter names, and return its URL."""
    if request.param == "sqlite":
        file = tmp_path / "gateway.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        return f"sqlite:///{file}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def codec() -> Codec:
    return Codec(SECRET)


@pytest.fixture
def journal(database: str, codec: Codec) -> Iterator[Journal]:
    with Journal(database, codec) as journal:
        yield journal


@pytest.fixture
def another(database: str, codec: Codec) -> Iterator[Journal]:
    """Another process's way to the same journal."""
    with Journal(database, codec) as journal:
        yield journal
