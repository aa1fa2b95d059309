"""Erases what has been kept long enough."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, select, update

from gateway.journal.engine import in_transaction
from gateway.journal.tables import alert, letter, message, refused, version

KNOWN_FOR = timedelta(days=60)
"""How long a letter is known. MESH keeps what nobody fetches for 5 days, and tracks for 30."""

ANSWERED_FOR = timedelta(days=30)
"""How long an answer that MESH does not take is kept: it may say what is held of a child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many bodies have been erased."""

    held: int
    messages: int
    refused: int


def erase_expired(writing: Engine, at: datetime) -> Erased:
    """Erase held or refused bodies whose time has come; id, keyed hash and reason stay.

    Notes of who was denied go whole: anybody can cause them. For SQLite it also empties the
    write-ahead log, in which what was forgotten lives on.
    """

    def erase(connection: Connection) -> Erased:
        old = select(message.c.id).where(message.c.expires_at <= at)
        for statement in (
            update(version).where(version.c.message_id.in_(old)).values(decision=None),
            delete(refused).where(refused.c.expires_at <= at, refused.c.bytes_hash.is_(None)),
            delete(letter).where(letter.c.received_at <= at - KNOWN_FOR),
            update(letter)
            .where(letter.c.received_at <= at - ANSWERED_FOR, letter.c.reply.is_not(None))
            .values(state="failed", last_error="expired", reply=None),
        ):
            connection.execute(statement)
        bodies = {"bytes": None, "canonical": None, "receipt": None, "state": "erased"}
        held, messages, kept = (
            connection.execute(
                update(table).where(table.c.expires_at <= at).values(expires_at=None, **gone)
            ).rowcount
            for table, gone in (
                (alert, {"body": None, "missing": None}),
                (message, bodies),
                (refused, {"bytes": None}),
            )
        )
        return Erased(held=held, messages=messages, refused=kept)

    erased = in_transaction(writing, erase)
    if writing.dialect.name == "sqlite":
        _empty_write_ahead_log(writing)
    return erased


def _empty_write_ahead_log(writing: Engine) -> None:
    """Move SQLite's log into the file, so that old pages are gone from both."""
    raw = writing.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        raw.close()
