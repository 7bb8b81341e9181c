"""The tables. Times are µs since 1970 (exact, and the same on both databases); migrations/ make the same schema.

The log's tables are `audit_…`. Entry, payload and search rows of one entry share `idx`. audit_open repeats which
accesses have no outcome yet, so that closing abandoned ones never walks the log under the head's lock (T18).
"""

from __future__ import annotations

import datetime
from typing import Final

import sqlalchemy as sa

from gateway.errors import Integrity

_EPOCH: Final = datetime.datetime.fromtimestamp(0, datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


class Moment(sa.types.TypeDecorator[datetime.datetime]):
    """An aware time, stored as µs since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - the protocol
        """To µs."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime.datetime | None:  # noqa: ARG002 - the protocol
        """From µs; a value that is no time was written by somebody else."""
        if value is None:
            return None
        try:
            return _EPOCH + datetime.timedelta(microseconds=value)
        except (TypeError, OverflowError):
            raise Integrity("control database: a stored time is not a time", code="control") from None


class Octets(sa.types.TypeDecorator[bytes]):
    """Bytes; SQLite would keep and return a value of any other type as well."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002 - the protocol
        """A value that is no bytes was written by somebody else."""
        if value is None or isinstance(value, bytes):
            return value
        raise Integrity("control database: stored bytes are not bytes", code="control")


def _index() -> sa.types.TypeEngine[int]:
    """Position in the log; on SQLite the row's own id, which saves an index."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("idx", _index(), primary_key=True, autoincrement=False),
    sa.Column("leaf", Octets, nullable=False),
)

audit_payload = sa.Table(
    "audit_payload",
    metadata,
    sa.Column("idx", _index(), primary_key=True, autoincrement=False),
    sa.Column("salt", Octets, nullable=False),
    sa.Column("payload", Octets, nullable=False),
)

audit_tile = sa.Table(
    "audit_tile",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hashes", Octets, nullable=False),
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", _index(), primary_key=True, autoincrement=False),  # one note per size: no fork by retry
    sa.Column("previous", sa.BigInteger, nullable=False),  # size of the one before: a deleted row breaks the chain
    _text("note"),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

audit_search = sa.Table(
    "audit_search",
    metadata,
    sa.Column("idx", _index(), primary_key=True, autoincrement=False),
    _text("kind"),
    _text("receipt"),
    sa.Column("time", Moment, nullable=False),
    _text("principal"),
    _text("purpose"),
    _text("action"),
    _text("code"),
    sa.Column("result", sa.Text),
    sa.Column("access_index", sa.BigInteger),
    _text("instance"),
)
sa.Index(None, audit_search.c.receipt)
sa.Index(None, audit_search.c.time)
sa.Index(None, audit_search.c.principal, audit_search.c.idx)
sa.Index(None, audit_search.c.purpose, audit_search.c.idx)
for _sparse in ("result", "access_index"):
    _given = audit_search.c[_sparse].is_not(None)
    sa.Index(None, audit_search.c[_sparse], audit_search.c.idx, sqlite_where=_given, postgresql_where=_given)
_is_event = audit_search.c.kind == "event"
sa.Index(None, audit_search.c.action, audit_search.c.idx, sqlite_where=_is_event, postgresql_where=_is_event)

audit_search_column = sa.Table(
    "audit_search_column",
    metadata,
    sa.Column("idx", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("column_name", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, primary_key=True),
    sa.Column("grant_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)
sa.Index(None, audit_search_column.c.dataset, audit_search_column.c.column_name, audit_search_column.c.idx)
sa.Index(None, audit_search_column.c.level, audit_search_column.c.idx)
sa.Index(None, audit_search_column.c.grant_id, audit_search_column.c.idx)

audit_search_dataset = sa.Table(
    "audit_search_dataset",
    metadata,
    sa.Column("idx", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("dataset", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)
sa.Index(None, audit_search_dataset.c.dataset, audit_search_dataset.c.idx)

audit_open = sa.Table(
    "audit_open",
    metadata,
    sa.Column("idx", _index(), primary_key=True, autoincrement=False),
    _text("receipt"),
    _text("instance"),
)

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("secret_sha256", Octets, nullable=False),
    _text("principal"),
    sa.Column("roles", sa.JSON, nullable=False),
    _text("environment"),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("revoked", Moment),
)

policy_bundle = sa.Table(
    "policy_bundle",
    metadata,
    sa.Column("sequence", _index(), primary_key=True, autoincrement=False),
    _text("digest"),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("activated_at", Moment, nullable=False),
    _text("activated_by"),
)

dynamic_grant = sa.Table(
    "dynamic_grant",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("granted_at", Moment, nullable=False),
    _text("granted_by"),
)

dynamic_grant_revocation = sa.Table(
    "dynamic_grant_revocation",
    metadata,
    sa.Column("grant_id", sa.Text, sa.ForeignKey(dynamic_grant.c.id), primary_key=True),
    sa.Column("revoked_at", Moment, nullable=False),
    _text("revoked_by"),
)

gateway_instance = sa.Table(
    "gateway_instance",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("lease_until", Moment, nullable=False),
)

key_destruction = sa.Table(
    "key_destruction",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("destroyed_at", Moment, nullable=False),
)

release_window = sa.Table(
    "release_window",
    metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("window_start", Moment, primary_key=True),
    _text("cell"),
)
