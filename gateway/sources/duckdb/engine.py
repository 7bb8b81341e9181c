"""The engine that reads files: an empty DuckDB of one access's own, in memory, locked before anything is read.

It reads the files that it was given and no others: no network, no extension beyond those built in, no setting that
can be changed later, nothing written to disk. What does not fit its memory ends in Exhausted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import duckdb

from gateway.errors import GatewayError, Unavailable
from gateway.sources.duckdb.failures import DRIVER_ERRORS, translated

MEMORY_MB: Final = 512
"""Of one access's engine, all its scans together: some three million groups; 2048 rows at a time must fit."""
_THREADS: Final = 1
"""A scan is read by the thread that asks for its rows: the order of groups does not depend on scheduling."""
_CONFIG: Final = MappingProxyType(
    {
        "threads": str(_THREADS),
        "memory_limit": f"{MEMORY_MB}MiB",
        "temp_directory": "",  # what does not fit is never spilled: it is raw
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_unsigned_extensions": "false",
        "allow_persistent_secrets": "false",
    }
)
_LOCK: Final = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET python_enable_replacements = false",  # else SQL reads this process's Python variables
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class Engine:
    """Opened by the first scan that needs it; each scan reads by a cursor of its own. Safe for several threads."""

    def __init__(
        self,
        prepare: Callable[[duckdb.DuckDBPyConnection], None],
        *,
        source: str,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`prepare` attaches or allows what is to be read, before the lock; `at_end` releases what it took."""
        self._prepare = prepare
        self._source = source
        self._at_end = at_end
        self._guard = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._is_closed = False

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the locked engine; the caller MUST close it.

        Raises:
            GatewayError: what `prepare` found, or the engine was closed.
        """
        with self._guard:
            if self._is_closed:
                raise Unavailable(f"source {self._source}: reading was ended before its end", code="closed")
            if self._connection is None:
                self._connection = self._opened()
            return self._connection.cursor()

    def close(self) -> None:
        """Release the engine and its files; cursors MUST be closed before. A second call does nothing."""
        with self._guard:
            was_closed, self._is_closed = self._is_closed, True
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            if not was_closed:
                self._at_end()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        try:
            self._prepare(connection)
            for setting in _LOCK:
                connection.execute(setting)
        except DRIVER_ERRORS as error:
            connection.close()
            raise translated(error, source=self._source) from None
        except GatewayError:
            connection.close()
            raise
        return connection
