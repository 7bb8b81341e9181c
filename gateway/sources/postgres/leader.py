"""The connection that holds the snapshot of one access, so that all its scans read one state."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Final

import psycopg

from gateway.errors import GatewayError, Unavailable, Unsupported
from gateway.sources.postgres.address import Address
from gateway.sources.postgres.failures import translated

MIN_VERSION: Final = 120_000
"""PostgreSQL 12, as libpq counts."""
_SLACK_MILLISECONDS: Final = 5_000
_EXPORT: Final = (
    "SELECT pg_catalog.pg_export_snapshot(), coalesce(pg_catalog.current_schema()::text, ''),"
    " pg_catalog.current_setting('server_encoding')"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a scan needs to know of its leader."""

    id: str
    """For SET TRANSACTION SNAPSHOT; holds as long as the leader's transaction."""
    schema: str
    """Where a table without a schema is looked for; empty: nowhere."""


class Leader:
    """Opened by the first scan; safe to call from several threads. MUST be closed."""

    def __init__(self, address: Address, *, source: str, application: str, deadline: float) -> None:
        self._address = address
        self._source = source
        self._application = application
        self._deadline = deadline
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[str, str, str]] | None = None
        self._snapshot: Snapshot | None = None
        self._is_closed = False

    def snapshot(self) -> Snapshot:
        """The access's one snapshot.

        Raises:
            Unavailable: cannot connect, or closed.
            Unsupported: a server that cannot be read exactly.
        """
        with self._lock:
            if self._is_closed:
                raise Unavailable(f"source {self._source}: reading was ended before its end", code="closed")
            if self._snapshot is None:
                self._snapshot = self._exported()
            return self._snapshot

    def close(self) -> None:
        """Give the snapshot back; scans that began keep theirs."""
        with self._lock:
            self._is_closed = True
            self._drop()

    def _exported(self) -> Snapshot:
        remaining = int((self._deadline - time.monotonic()) * 1_000)
        conninfo = self._address.leading(self._application, idle_milliseconds=max(remaining, 0) + _SLACK_MILLISECONDS)
        try:
            self._connection = psycopg.Connection[tuple[str, str, str]].connect(conninfo, prepare_threshold=None)
            row = self._connection.execute(_EXPORT).fetchone()
            self._look_at_server(self._connection.info.server_version, row[2] if row else "")
        except psycopg.Error as error:
            self._drop()
            raise translated(error, source=self._source) from None
        except GatewayError:
            self._drop()
            raise
        if row is None:
            raise Unavailable(f"source {self._source}: the server gave no snapshot", code="source")
        return Snapshot(id=row[0], schema=row[1])

    def _look_at_server(self, version: int, encoding: str) -> None:
        if version < MIN_VERSION:
            raise Unsupported(f"source {self._source}: PostgreSQL 12 or newer is read", code="source")
        if encoding != "UTF8":
            # the collation "C" would order by other bytes than those that the gateway sees
            raise Unsupported(f"source {self._source}: the database's encoding is not UTF8", code="source")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
