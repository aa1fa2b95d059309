"""Opens the journal as the settings say."""

from __future__ import annotations

from gateway.journal import Codec, Journal, load_secret, migrate
from gateway.settings import Settings

RELAY = "relay"
"""The name under which the relay leaves its signs of life in the journal."""


def open_journal(settings: Settings) -> tuple[Journal, Codec]:
    """Open the journal, with its tables brought up to date.

    Raises JournalAway, WrongKey or JournalError.
    """
    key = settings.journal_key.get_secret_value() if settings.journal_key else None
    codec = Codec(*load_secret(key, settings.database_url))
    migrate(settings.database_url)
    return Journal(settings.database_url, codec), codec
