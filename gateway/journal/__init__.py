"""The durable record of messages, versions, alerts, deliveries and decisions; alone in knowing SQL.

migrate(url)
with Journal(url, Codec(*load_secret(setting, url))) as journal:
    done = journal.transact(lambda tx: tx.add_message(...), order=record_ref)
    done.result()  # now it is on disk
    journal.deliveries.claim("amqp", owner="relay-1", limit=500, lease_seconds=60)
"""

from gateway.journal.codec import Codec, load_secret
from gateway.journal.credentials import Credential
from gateway.journal.deliveries import Deliveries
from gateway.journal.engine import database_file
from gateway.journal.erasing import Erased
from gateway.journal.errors import AlreadyServed, JournalAway, JournalError, WrongKey
from gateway.journal.files import Entry, EntryState, Settled, Upload
from gateway.journal.journal import Journal
from gateway.journal.letters import FileLetter, Letter, Reply
from gateway.journal.migrations import migrate
from gateway.journal.queries import Queries
from gateway.journal.rows import (
    Alert,
    AlertState,
    Backlog,
    Channel,
    Delivery,
    Due,
    Message,
    Outcome,
    Receipt,
    Record,
    Returned,
    Sent,
    Standing,
    Thread,
    Uptake,
    Version,
    Way,
)
from gateway.journal.transaction import KEPT_WHILE_HELD, Transaction

__all__ = [
    "KEPT_WHILE_HELD",
    "Alert",
    "AlertState",
    "AlreadyServed",
    "Backlog",
    "Channel",
    "Codec",
    "Credential",
    "Deliveries",
    "Delivery",
    "Due",
    "Entry",
    "EntryState",
    "Erased",
    "FileLetter",
    "Journal",
    "JournalAway",
    "JournalError",
    "Letter",
    "Message",
    "Outcome",
    "Queries",
    "Receipt",
    "Record",
    "Reply",
    "Returned",
    "Sent",
    "Settled",
    "Standing",
    "Thread",
    "Transaction",
    "Upload",
    "Uptake",
    "Version",
    "Way",
    "WrongKey",
    "database_file",
    "load_secret",
    "migrate",
]
