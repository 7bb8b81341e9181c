"""Tables of models and of outgoing notices."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from gateway.store.tables import Moment, metadata


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


model = sa.Table(
    "model",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("owner"),
    _text("environment"),
)

model_version = sa.Table(
    "model_version",
    metadata,
    sa.Column("name", sa.Text, sa.ForeignKey(model.c.name), primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("registered", Moment, nullable=False),
    _text("evidence"),
    sa.Column("max_age_seconds", sa.BigInteger),
    sa.Column("metrics", sa.JSON, nullable=False),
)

model_training = sa.Table(
    "model_training",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(("name", "version"), (model_version.c.name, model_version.c.version)),
)
sa.Index(None, model_training.c.dataset, model_training.c.number)

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _text("channel"),
    _text("key"),
    _text("body"),  # empty once it is done
    sa.Column("created", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt", Moment, nullable=False),
    sa.Column("done", Moment),
)
sa.Index(None, notice.c.channel, notice.c.key, unique=True)
_waits: Final = notice.c.done.is_(None)
sa.Index(None, notice.c.channel, notice.c.sequence, sqlite_where=_waits, postgresql_where=_waits)
