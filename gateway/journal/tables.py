"""The journal's tables: ids, codes, keyed hashes and instants in columns, the rest in sealed blobs.

A column named `*_ref` or `*_hash`, and `idempotency`, holds `Codec.ref`. A `LargeBinary` column
holds `Codec.seal`. No other column may hold anything about a child or a parent.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC to the microsecond: `timestamptz`, or text that sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone; SQLite's type drops the zone, so it gets UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back, whatever the session's time zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("organisation", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("speaks_for", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

record = Table(
    "record",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # Reviews only: child, day and organisation without the type, so that a part without one joins.
    Column("day_ref", Text, index=True),
    # The other key of such a record, once a part without type and one with have come together.
    Column("joined_ref", Text),
    # A keyed hash that outlives the bodies: whether the record is restricted.
    Column("mark", Text),
    Column("child_ref", Text, index=True),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant),
)

message = Table(
    "message",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("idempotency", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("record_ref", ForeignKey(record.c.ref), nullable=False, index=True),
    Column("sent_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("bytes_hash", Text, nullable=False),
    Column("canonical_hash", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("credential_id", ForeignKey(credential.c.id)),
    Column("submitter_only", Boolean, nullable=False),
    Column("expires_at", Instant, index=True),
    Column("bytes", LargeBinary),
    Column("canonical", LargeBinary),
    Column("receipt", LargeBinary),
    UniqueConstraint("idempotency", "sequence"),
)

version = Table(
    "version",
    metadata,
    Column("record_ref", ForeignKey(record.c.ref), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("message_id", ForeignKey(message.c.id), nullable=False, index=True),
    Column("decided_at", Instant, nullable=False),
    Column("decision", LargeBinary),
)

thread = Table(
    "thread",
    metadata,
    Column("id", Text, primary_key=True),
    Column("record_ref", ForeignKey(record.c.ref), nullable=False),
    Column("route", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("agency", Text, nullable=False),
    UniqueConstraint("record_ref", "route", "service"),
)

# A hold is an alert with a reason and without a sequence: held ones leave no gap in the numbers.
alert = Table(
    "alert",
    metadata,
    Column("id", Text, primary_key=True),
    Column("thread_id", ForeignKey(thread.c.id), nullable=False),
    Column("sequence", Integer),
    Column("record_version", Integer, nullable=False),
    Column("message_id", ForeignKey(message.c.id), nullable=False, index=True),
    Column("type", Text),
    Column("basis", Text),
    Column("urgency", Text, nullable=False),
    Column("routing_key", Text),
    Column("view_hash", Text),
    Column("hold_reason", Text),
    Column("decided_at", Instant, nullable=False),
    Column("superseded_at", Instant),
    Column("expires_at", Instant, index=True),
    Column("body", LargeBinary),
    Column("missing", LargeBinary),
    UniqueConstraint("thread_id", "sequence"),
)

# Who was shown an alert that they asked for, and when.
alert_read = Table(
    "alert_read",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("alert_id", ForeignKey(alert.c.id), nullable=False, index=True),
    Column("organisation", Text, nullable=False),
    Column("credential_id", ForeignKey(credential.c.id), nullable=False),
    Column("at", Instant, nullable=False),
)

# `next_at` says when a delivery may be claimed: at once, after a backoff, or when its lease ends.
delivery = Table(
    "delivery",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("alert_id", ForeignKey(alert.c.id), nullable=False),
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("lease_owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("attempted_at", Instant),
    Column("delivered_at", Instant),
    Column("acknowledged_at", Instant),
    Column("last_error", Text),
    # A name of `adapters.outbound.FORMATS`.
    Column("format", Text, nullable=False, server_default="cloudevents"),
    # The channel's own id of what it took, such as MESH's, by which it reports back.
    Column("reference", Text, index=True),
    # How often the channel took it and then could not deliver it.
    Column("failures", Integer, nullable=False, server_default="0"),
    UniqueConstraint("alert_id", "channel", "target"),
    Index("ix_delivery_claim", "state", "channel", "urgency", "target", "next_at", "id"),
)

# What the area may count (docs: uptake without children). One row a record, so that a correction
# corrects the count; the record's ref is a keyed hash.
counted = Table(
    "counted",
    metadata,
    Column("record_ref", ForeignKey(record.c.ref), primary_key=True),
    Column("authority", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("locality", Text, nullable=False),
    Column("age_band", Text, nullable=False),
)

refused = Table(
    "refused",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation", Text),
    Column("received_at", Instant, nullable=False),
    Column("status", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("bytes_hash", Text),
    Column("bytes", LargeBinary),
    Column("expires_at", Instant, index=True),
)

# What came by MESH, by MESH's id, so that nothing is taken twice; and the answer, until it is sent.
# `reference`: MESH's id of the answer; while a file that it brought is `working`, that file's id.
letter = Table(
    "letter",
    metadata,
    Column("id", Text, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Column("status", Integer, nullable=False),
    Column("workflow", Text),
    Column("state", Text, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("lease_owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("reference", Text),
    Column("last_error", Text),
    Column("reply", LargeBinary),
    Index("ix_letter_state_next_at", "state", "next_at"),
)

# A file of many records: of its bytes only a keyed hash. `known_ref` is that of the bytes with all
# that came with them on one day, by which the same file is known again.
upload = Table(
    "upload",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation", Text, nullable=False),
    Column("credential_id", ForeignKey(credential.c.id)),
    Column("format", Text, nullable=False),
    Column("known_ref", Text, nullable=False, unique=True),
    Column("bytes_hash", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("notes", LargeBinary, nullable=False),
)

# One record of a file. `work` holds its message until it has settled; then the message has it.
entry = Table(
    "entry",
    metadata,
    Column("upload_id", ForeignKey(upload.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("message_id", ForeignKey(message.c.id)),
    Column("work", LargeBinary),
    Column("said", LargeBinary, nullable=False),
    Index("ix_entry_state", "state", "upload_id", "number"),
)

# The last sign of life of each process, and the row that proves that the journal can be written.
pulse = Table(
    "pulse",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
)
