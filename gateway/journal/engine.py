"""Opens SQLite and PostgreSQL so that the same code is equally safe on both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    TimeoutError,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from gateway.journal.errors import JournalAway, JournalError

T = TypeVar("T")

log = structlog.get_logger(__name__)

BUSY_SECONDS = 10
"""How long one writer waits for another before the journal counts as away."""

AWAY = (OperationalError, InterfaceError, InternalError, PendingRollbackError, TimeoutError)
"""Faults of the database or the way to it, as against faults of one piece of work."""

_COLLIDED = {"40001", "40P01"}  # PostgreSQL: serialization_failure, deadlock_detected
_retrying = Retrying(
    retry=retry_if_exception(
        lambda e: isinstance(e, DBAPIError) and getattr(e.orig, "sqlstate", "") in _COLLIDED
    ),
    stop=stop_after_attempt(6),
    wait=wait_random_exponential(multiplier=0.02, max=1),
    reraise=True,
)


def parse_url(text: str) -> URL:
    """Read GATEWAY_DATABASE_URL. Raises JournalError unless it is a SQLite file or PostgreSQL."""
    try:
        url = make_url(text)
    except ArgumentError:
        url = URL.create("none")  # the text may hold a password, so it is not repeated
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise JournalError(
        "GATEWAY_DATABASE_URL must be like sqlite:///gateway.db (a file) "
        "or postgresql://user@host/database."
    )


def database_file(url: str) -> Path | None:
    """Name the SQLite file of a URL; None for PostgreSQL."""
    parsed = parse_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """Make an engine, which connects on first use; values never get into an error's text."""
    parsed = parse_url(url)
    common: dict[str, Any] = {"hide_parameters": True, "pool_timeout": BUSY_SECONDS}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, **common)
        _prepare_sqlite(engine, read_only)
        return engine
    engine = create_engine(
        parsed,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": 15_000,
            # A gateway that was stopped in mid-work must not keep its record locks for ever.
            "options": f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout=60s"
            f" -c default_transaction_read_only={'on' if read_only else 'off'}",
        },
        **common,
    )

    @event.listens_for(engine, "connect")
    def _commit_means_on_disk(connection: Any, _: Any) -> None:
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    return engine


def _prepare_sqlite(engine: Engine, read_only: bool) -> None:
    """Take transactions over from the driver: IMMEDIATE, since a lock's upgrade may fail."""

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",  # erased bodies are overwritten, not just unlinked
            f"query_only = {'ON' if read_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def answering() -> Iterator[None]:
    """Turn a fault of the database into JournalAway, with a sentence that names no data."""
    try:
        yield
    except AWAY as error:
        # The cause names hosts and files: it is for the operator, not for whoever is answered.
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        with suppress(OSError):  # the log may lie on the same full disk
            log.error("journal away", cause=cause)
        raise JournalAway("The journal does not answer or cannot be written.") from error


def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run work in one transaction and commit; again where PostgreSQL says that two collided.

    Raises JournalAway where the database fails; then nothing of the work was recorded, or, where
    the connection broke during the commit itself, it may have been: doing it again must be safe.
    """

    def once() -> T:
        with engine.begin() as connection:
            return work(connection)

    with answering():
        return _retrying(once)
