"""The tables of jobs and versions; migrations/versions/0003 makes the same schema."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.tables import Moment, Octets, metadata


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


extract_job = sa.Table(
    "extract_job",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("spec", sa.JSON, nullable=False),
    _text("name"),  # the spec's, for lists
    _text("requester"),
    _text("environment"),
    _text("credential_id"),
    _text("cause"),
    sa.Column("proposal", sa.Text),
    sa.Column("created", Moment, nullable=False),
    _text("state"),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Integer),
    _text("code"),
    _text("message"),
    _text("receipt"),
    sa.Column("ended", Moment),
    sa.Column("not_before", Moment, nullable=False),  # a job that failed for a moment waits so long
    sa.Column("lease_until", Moment, nullable=False),
)
sa.Index(None, extract_job.c.state, extract_job.c.created)
sa.Index(None, extract_job.c.requester, extract_job.c.created)

dataset_version = sa.Table(
    "dataset_version",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job", sa.Text, sa.ForeignKey(extract_job.c.id), nullable=False),
    _text("folder"),
    sa.Column("manifest", Octets, nullable=False),
    _text("signature"),
    _text("requester"),
    _text("environment"),
    _text("purpose"),
    _text("project"),
    _text("digest"),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("watermark", Moment),
    _text("nonce"),
    sa.Column("announced_at", Moment),  # its publication is in the log
    sa.Column("cleared_at", Moment),  # it expired and its files are gone
)
sa.Index(None, dataset_version.c.job, unique=True)  # the last line of defence against a second publication
