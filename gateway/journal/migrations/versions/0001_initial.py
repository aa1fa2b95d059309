"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "credential",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("speaks_for", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
        sa.UniqueConstraint("key_hash", name="uq_credential_key_hash"),
    )

    op.create_table(
        "pulse",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_pulse"),
    )

    op.create_table(
        "record",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day_ref", sa.Text()),
        sa.Column("joined_ref", sa.Text()),
        sa.Column("mark", sa.Text()),
        sa.Column("child_ref", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", INSTANT),
        sa.PrimaryKeyConstraint("ref", name="pk_record"),
    )
    op.create_index("ix_record_child_ref", "record", ["child_ref"])
    op.create_index("ix_record_day_ref", "record", ["day_ref"])

    op.create_table(
        "refused",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text()),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("bytes_hash", sa.Text()),
        sa.Column("bytes", sa.LargeBinary()),
        sa.Column("expires_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_refused"),
    )
    op.create_index("ix_refused_expires_at", "refused", ["expires_at"])

    op.create_table(
        "counted",
        sa.Column("record_ref", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("locality", sa.Text(), nullable=False),
        sa.Column("age_band", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_ref"], ["record.ref"], name="fk_counted_record_ref"),
        sa.PrimaryKeyConstraint("record_ref", name="pk_counted"),
    )

    op.create_table(
        "message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("idempotency", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("record_ref", sa.Text(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("bytes_hash", sa.Text(), nullable=False),
        sa.Column("canonical_hash", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text()),
        sa.Column("submitter_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("bytes", sa.LargeBinary()),
        sa.Column("canonical", sa.LargeBinary()),
        sa.Column("receipt", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name="fk_message_credential_id"
        ),
        sa.ForeignKeyConstraint(["record_ref"], ["record.ref"], name="fk_message_record_ref"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("idempotency", "sequence", name="uq_message_idempotency_sequence"),
    )
    op.create_index("ix_message_expires_at", "message", ["expires_at"])
    op.create_index("ix_message_record_ref", "message", ["record_ref"])

    op.create_table(
        "thread",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("record_ref", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_ref"], ["record.ref"], name="fk_thread_record_ref"),
        sa.PrimaryKeyConstraint("id", name="pk_thread"),
        sa.UniqueConstraint(
            "record_ref", "route", "service", name="uq_thread_record_ref_route_service"
        ),
    )

    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer()),
        sa.Column("record_version", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text()),
        sa.Column("basis", sa.Text()),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("routing_key", sa.Text()),
        sa.Column("view_hash", sa.Text()),
        sa.Column("hold_reason", sa.Text()),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("superseded_at", INSTANT),
        sa.Column("expires_at", INSTANT),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("missing", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_alert_message_id"),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name="fk_alert_thread_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("thread_id", "sequence", name="uq_alert_thread_id_sequence"),
    )
    op.create_index("ix_alert_expires_at", "alert", ["expires_at"])
    op.create_index("ix_alert_message_id", "alert", ["message_id"])

    op.create_table(
        "version",
        sa.Column("record_ref", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("decision", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_version_message_id"),
        sa.ForeignKeyConstraint(["record_ref"], ["record.ref"], name="fk_version_record_ref"),
        sa.PrimaryKeyConstraint("record_ref", "number", name="pk_version"),
    )
    op.create_index("ix_version_message_id", "version", ["message_id"])

    op.create_table(
        "delivery",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempted_at", INSTANT),
        sa.Column("delivered_at", INSTANT),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("last_error", sa.Text()),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_delivery_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint(
            "alert_id", "channel", "target", name="uq_delivery_alert_id_channel_target"
        ),
    )
    op.create_index(
        "ix_delivery_claim", "delivery", ["state", "channel", "urgency", "target", "next_at", "id"]
    )
