"""Brings a database's tables to this version of the gateway."""

from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from gateway.journal.engine import BUSY_SECONDS, answering, open_engine
from gateway.journal.errors import JournalError

_ONE_AT_A_TIME = 7_234_981  # the advisory lock that all gateways agree on; any number will do

NEWEST = max(file.name for file in Path(__file__).parent.glob("versions/*.py"))[:4]
"""The version of the tables that this gateway needs; each file of `versions` begins with its own."""


def migrate(url: str) -> None:
    """Create or upgrade the tables, in one transaction; several gateways may do so at once.

    Raises JournalAway where the database does not answer, JournalError where it is newer than this
    gateway.
    """
    for attempt in Retrying(
        # SQLite's change to write-ahead logging waits for nobody: the first of several may be in it.
        retry=retry_if_exception(lambda error: "locked" in str(error.__cause__)),
        wait=wait_random(0.02, 0.2),
        stop=stop_after_delay(BUSY_SECONDS),
        reraise=True,
    ):
        with attempt:
            _migrate(url)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        with answering(), engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE is the lock
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            if _version(connection) != NEWEST:
                _upgrade(connection)
    finally:
        engine.dispose()


def _version(connection: Connection) -> str | None:
    """Return the version of the tables as Alembic has noted it; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _upgrade(connection: Connection) -> None:
    # Only here: most processes find the tables as they are to be, and start without it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "gateway.journal:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise JournalError(
            f"The journal was made by a newer gateway ({error}). Install that version."
        ) from error
