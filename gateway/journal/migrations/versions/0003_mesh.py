"""Deliveries in a format, by MESH and tracked; what came by MESH, and the answers to it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns of a delivery, and the table of letters."""
    op.add_column(
        "delivery", sa.Column("format", sa.Text(), nullable=False, server_default="cloudevents")
    )
    op.add_column("delivery", sa.Column("reference", sa.Text()))
    op.add_column(
        "delivery", sa.Column("failures", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_index("ix_delivery_reference", "delivery", ["reference"])

    op.create_table(
        "letter",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("workflow", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("last_error", sa.Text()),
        sa.Column("reply", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
    )
    op.create_index("ix_letter_state_next_at", "letter", ["state", "next_at"])
    op.create_index("ix_letter_received_at", "letter", ["received_at"])
