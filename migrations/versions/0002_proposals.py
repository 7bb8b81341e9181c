"""Proposals and verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "proposal",
        *_text("id", "kind"),
        sa.Column("document", sa.JSON(), nullable=False),
        *_text("digest", "proposer", "proposer_issuer", "environment"),
        *_moment("created", "expires"),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
    )
    op.create_index("ix_proposal_proposer_created", "proposal", ["proposer", "created"])
    op.create_table(
        "proposal_verdict",
        *_text("proposal_id"),
        sa.Column("approved", sa.Boolean(), nullable=False),
        *_text("decided_by", "issuer", "digest"),
        *_moment("decided_at"),
        *_text("note"),
        *_keys("proposal_verdict"),
    )
    op.create_table(
        "proposal_act",
        *_text("proposal_id", "outcome"),
        *_moment("acted_at"),
        *_keys("proposal_act"),
    )


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moment(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=f"fk_{table}_proposal_id_proposal"),
        sa.PrimaryKeyConstraint("proposal_id", name=f"pk_{table}"),
    )
