"""Files of many records, and what becomes of each."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of uploads and their entries."""
    op.create_table(
        "upload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text()),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("known_ref", sa.Text(), nullable=False),
        sa.Column("bytes_hash", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name="fk_upload_credential_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_upload"),
        sa.UniqueConstraint("known_ref", name="uq_upload_known_ref"),
    )
    op.create_table(
        "entry",
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text()),
        sa.Column("work", sa.LargeBinary()),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name="fk_entry_upload_id"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_entry_message_id"),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_entry"),
    )
    op.create_index("ix_entry_state", "entry", ["state", "upload_id", "number"])
