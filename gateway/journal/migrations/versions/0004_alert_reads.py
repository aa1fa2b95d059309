"""Who was shown an alert that they asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table of reads."""
    op.create_table(
        "alert_read",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_alert_read_alert_id"),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name="fk_alert_read_credential_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alert_read"),
    )
    op.create_index("ix_alert_read_alert_id", "alert_read", ["alert_id"])
