"""Opens the journal as the settings say."""

from __future__ import annotations

from pathlib import Path

from gateway.journal import Codec, Journal, JournalError, database_file, load_secret, migrate
from gateway.settings import Settings

SQLITE = b"SQLite format 3\0"
"""How a SQLite file begins."""

RELAY = "relay"
"""The name under which the relay leaves its signs of life in the journal."""

MESH = "mesh"
"""The same of the process that looks after the MESH mailbox."""


def open_journal(settings: Settings, *, must_exist: bool = False) -> Journal:
    """Open the journal, with its tables brought up to date; a SQLite file is made where there is none.

    Raises JournalAway, WrongKey or JournalError, also where it `must_exist` and does not.
    """
    file = database_file(settings.database_url)
    if must_exist and file and not file.exists():
        raise JournalError(
            f"There is no journal at {file.resolve()}. Go to the folder in which the gateway is "
            "served, or set GATEWAY_DATABASE_URL."
        )
    key = settings.journal_key.get_secret_value() if settings.journal_key else None
    try:
        if file and file.is_file() and _beginning(file) not in (b"", SQLITE):
            raise JournalError(f"{file.resolve()} is not a SQLite database.")
        codec = Codec(*load_secret(key, settings.database_url))
        migrate(settings.database_url)
        return Journal(settings.database_url, codec)
    except OSError as error:
        raise JournalError(f"The journal at {file} cannot be made: {error.strerror}.") from None


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(SQLITE))
