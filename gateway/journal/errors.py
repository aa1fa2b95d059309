"""What can go wrong in the journal.

JournalError
├── JournalAway    the database does not answer or cannot be written; nothing was recorded
├── WrongKey       there is no key, it is malformed, or it is not the one that sealed this journal
└── AlreadyServed  another gateway serves the same SQLite file
"""


class JournalError(Exception):
    """The journal could not do what it was asked."""


class JournalAway(JournalError):
    """The database does not answer or cannot be written; nothing of the work was recorded."""


class WrongKey(JournalError):
    """There is no key, it is malformed, or it is not the one that sealed this journal."""


class AlreadyServed(JournalError):
    """Another gateway serves the same SQLite file."""
