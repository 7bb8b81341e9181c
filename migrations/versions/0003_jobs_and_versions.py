"""Jobs and dataset versions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    _jobs()
    _versions()


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _number(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _small(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=nullable)


def _json(name: str) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False)


def _jobs() -> None:
    op.create_table(
        "extract_job",
        *_text("id"),
        _json("spec"),
        *_text("name", "requester", "environment", "credential_id", "cause"),
        sa.Column("proposal", sa.Text()),
        _number("created"),
        *_text("state"),
        _small("epoch"),
        _number("rows"),
        _small("version", nullable=True),
        *_text("code", "message", "receipt"),
        _number("ended", nullable=True),
        _number("not_before"),
        _number("lease_until"),
        sa.PrimaryKeyConstraint("id", name="pk_extract_job"),
    )
    for first in ("state", "requester"):
        op.create_index(f"ix_extract_job_{first}_created", "extract_job", [first, "created"])


def _versions() -> None:
    op.create_table(
        "dataset_version",
        *_text("name"),
        _small("number"),
        *_text("job", "folder"),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        *_text("signature", "requester", "environment", "purpose", "project", "digest"),
        _json("columns"),
        _number("rows"),
        _number("bytes"),
        _number("created"),
        _number("expires"),
        _number("watermark", nullable=True),
        *_text("nonce"),
        _number("announced_at", nullable=True),
        _number("cleared_at", nullable=True),
        sa.ForeignKeyConstraint(["job"], ["extract_job.id"], name="fk_dataset_version_job_extract_job"),
        sa.PrimaryKeyConstraint("name", "number", name="pk_dataset_version"),
    )
    op.create_index("ix_dataset_version_job", "dataset_version", ["job"], unique=True)
