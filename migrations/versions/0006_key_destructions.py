"""Destroyed epochs of projects' keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "key_destruction",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "epoch", name="pk_key_destruction"),
    )
