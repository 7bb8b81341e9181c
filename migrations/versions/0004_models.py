"""Models and what they were trained on; notices that wait to leave."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    _models()
    _notices()


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _number(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _models() -> None:
    op.create_table("model", *_text("name", "owner", "environment"), sa.PrimaryKeyConstraint("name", name="pk_model"))
    op.create_table(
        "model_version",
        *_text("name", "version"),
        _number("registered"),
        *_text("evidence"),
        _number("max_age_seconds", nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["model.name"], name="fk_model_version_name_model"),
        sa.PrimaryKeyConstraint("name", "version", name="pk_model_version"),
    )
    op.create_table(
        "model_training",
        *_text("name", "version", "dataset"),
        _number("number"),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["model_version.name", "model_version.version"],
            name="fk_model_training_name_model_version",
        ),
        sa.PrimaryKeyConstraint("name", "version", "dataset", "number", name="pk_model_training"),
    )
    op.create_index("ix_model_training_dataset_number", "model_training", ["dataset", "number"])


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *_text("channel", "key", "body"),
        _number("created"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _number("next_attempt"),
        _number("done", nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_notice"),
    )
    op.create_index("ix_notice_channel_key", "notice", ["channel", "key"], unique=True)
    op.create_index(
        "ix_notice_channel_sequence",
        "notice",
        ["channel", "sequence"],
        sqlite_where=sa.text("done IS NULL"),
        postgresql_where=sa.text("done IS NULL"),
    )
