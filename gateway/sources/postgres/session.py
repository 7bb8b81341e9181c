"""One connection that reads in the access's snapshot, read only. What is checked is what is read.

Describing a table locks it against changes until the end, and tells its columns as they are now; the catalog is read
in the snapshot. Where the two differ, or the table's file is not the snapshot's, the scan is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, LiteralString, Self

import adbc_driver_manager as adbc
import pyarrow as pa
from psycopg import sql

from gateway.errors import GatewayError, Integrity, Unavailable
from gateway.sources.convert import BATCH_ROWS
from gateway.sources.described.sampling import Drawn, by_part, enough
from gateway.sources.postgres.failures import translated
from gateway.sources.postgres.layout import LAYOUT, Attribute, Layout
from gateway.sources.postgres.leader import Leader
from gateway.sources.postgres.schema import described, part_of, probe_of, size_of
from gateway.sources.render import sampling
from gateway.sources.table import Statement, Table
from gateway.terms.source_schema import SourceSchema

_DRIVER_BYTES: Final = 1 << 20
"""Of the driver's batches (`adbc.postgresql.batch_size_hint_bytes`)."""
_NAME_BYTES: Final = 63
"""PostgreSQL cuts longer names, and would find another table."""
_KINDS: Final = frozenset({"r", "p"})  # ordinary and partitioned tables
_DRIVER_ERRORS: Final = (adbc.Error, pa.ArrowException, OSError)

_BEGIN: Final[LiteralString] = (
    "SET TRANSACTION SNAPSHOT {snapshot}; SET LOCAL application_name = {application};"
    " SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds}"
)
_DESCRIBE: Final[LiteralString] = "SELECT * FROM {table}"
_PATIENCE: Final = "SET LOCAL lock_timeout = '2s'"
"""A profile goes on with its next table rather than wait for a writer."""
_HASTE: Final = "SET LOCAL lock_timeout = '200ms'"


class Session:
    """A context: opened by `begun`, rolled back and closed on exit. `interrupt` may be called from any thread."""

    makes_groups_once: Final = True
    has_typed_moments: Final = True

    def __init__(
        self,
        database: Callable[[], adbc.AdbcDatabase],
        leader: Leader,
        *,
        source: str,
        application: str,
        deadline: float,
    ) -> None:
        self._database = database
        self._leader = leader
        self._source = source
        self._application = application
        self._deadline = deadline
        self._check: Callable[[], None] = lambda: None
        self._schema = ""
        self._connection: adbc.AdbcConnection | None = None
        self._guard = threading.Lock()

    def begun(self, check: Callable[[], None]) -> Self:
        """To be entered; `check` raises when reading must end."""
        self._check = check
        return self

    def __enter__(self) -> Self:
        self._check()
        snapshot = self._leader.snapshot()
        self._schema = snapshot.schema
        remaining = max(int((self._deadline - time.monotonic()) * 1_000), 0) + 1  # 0 would mean for ever
        begin = sql.SQL(_BEGIN).format(
            snapshot=sql.Literal(snapshot.id),
            application=sql.Literal(self._application),
            milliseconds=sql.Literal(remaining),
        )
        try:
            self._connection = adbc.AdbcConnection(self._database())
            self._connection.set_autocommit(False)
            with adbc.AdbcStatement(self._connection) as statement:
                statement.set_sql_query(begin.as_string())
                statement.execute_update()
        except _DRIVER_ERRORS as error:
            self._close()
            raise translated(error, source=self._source) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        # Closing ends the backend at once, one that waits for its reader too (T15); a cancel would not.
        with self._guard:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def interrupt(self) -> None:
        """Make a statement that runs return soon; it fails."""
        with self._guard:
            if self._connection is not None:
                try:
                    self._connection.cancel()
                except adbc.Error:
                    return  # the server is gone, and with it what ran there

    def layout(self, path: tuple[str, ...], *, dataset: str) -> Layout:
        """What the table looks like in this transaction.

        Raises:
            Integrity: there is no such table, it is no table, or it was changed after the snapshot.
        """
        schema, name = self._qualified(path, dataset)
        present = self._described(schema, name, dataset)
        asked = sql.SQL(LAYOUT).format(schema=sql.Literal(schema), table=sql.Literal(name))
        found = [row for batch in self._batches(asked.as_string(), dataset) for row in batch.to_pylist()]
        if not found:
            raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
        if found[0]["kind"] not in _KINDS:
            raise Integrity(f"{dataset}: a table is needed, not a view or a foreign table", code="source.schema")
        if found[0]["is_rewritten"] or present != [row["name"] for row in found]:
            raise Unavailable(f"{dataset}: the table was changed while it was read", code="source", fix="try again")
        attributes = {
            str(row["name"]): Attribute(type=row["type"], modifier=row["modifier"], is_readable=row["is_readable"])
            for row in found
        }
        return Layout(dataset=dataset, path=(schema, name), attributes=attributes)

    def described(self) -> SourceSchema:
        """What is in the database, in the snapshot."""
        return described(self._facts, self._attempt, source=self._source, default_schema=self._schema)

    def be_quick(self) -> None:
        """Wait two seconds for a lock, and no longer."""
        self._run(_PATIENCE)

    def sampled(self, drawn: Drawn) -> Iterator[pa.RecordBatch]:
        """Rows of all over the table; its first ones, where statistics were so wrong that few came.

        Raises:
            Integrity: as in `read`.
        """

        def read(part: sampling.Part) -> Iterator[pa.RecordBatch]:
            return self.read(drawn.statement(part, drawn.rows), table=drawn.table, dataset=drawn.dataset)

        (size,) = self._facts(size_of(*drawn.table.path))
        probe = probe_of(size["pages"])
        ((counted,),) = (row.values() for row in self._facts(sampling.count(drawn.table, drawn.dialect, part=probe)))
        part = part_of(size["pages"], probe=probe, counted=counted, rows=drawn.rows)
        return enough(by_part(part, read), lambda: read(sampling.WHOLE), rows=drawn.rows)

    def _facts(self, query: str) -> list[dict[str, Any]]:
        return [row for batch in self._batches(query, "") for row in batch.to_pylist()]

    def _attempt(self, query: str) -> list[dict[str, Any]]:
        """Where it fails the transaction is lost: a new one begins in the same snapshot."""
        self._run(_HASTE)
        try:
            return self._facts(query)
        except GatewayError:
            self._check()  # it may be what ended the reading
            self._close()
            self.__enter__()
            raise

    def _run(self, command: str) -> None:
        with self._statement(command, "") as statement:
            try:
                statement.execute_update()
            except _DRIVER_ERRORS as error:
                raise translated(error, source=self._source) from None

    def _qualified(self, path: tuple[str, ...], dataset: str) -> tuple[str, str]:
        schema, name = path if len(path) == 2 else (self._schema, path[-1] if path else "")  # noqa: PLR2004
        names_nothing = len(path) > 2 or not schema or not name or "\0" in schema + name  # noqa: PLR2004
        if names_nothing or max(len(schema.encode()), len(name.encode())) > _NAME_BYTES:
            raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
        return schema, name

    def _described(self, schema: str, name: str, dataset: str) -> list[str]:
        """The columns' names now. The lock that this takes is held to the end; it needs no right to read them all."""
        query = sql.SQL(_DESCRIBE).format(table=sql.Identifier(schema, name)).as_string()
        with self._statement(query, dataset) as statement:
            try:
                return list(pa.schema(statement.execute_schema()).names)
            except _DRIVER_ERRORS as error:
                raise translated(error, source=self._source, dataset=dataset) from None

    def read(self, statement: Statement, *, table: Table, dataset: str) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """The statement's rows in the driver's types, numerics as texts; at most BATCH_ROWS a batch.

        Raises:
            Integrity: an output that is none of PostgreSQL's own types.
        """
        for batch in self._batches(statement.sql, dataset):
            plain = pa.RecordBatch.from_arrays([_plain(c) for c in batch.columns], names=batch.schema.names)
            for start in range(0, plain.num_rows, BATCH_ROWS):
                yield plain.slice(start, BATCH_ROWS)

    def _batches(self, query: str, dataset: str) -> Iterator[pa.RecordBatch]:
        with self._statement(query, dataset) as statement:
            try:
                handle, _ = statement.execute_query()
                with pa.RecordBatchReader.from_stream(handle) as reader:
                    for batch in reader:
                        yield batch
                        self._check()
            except _DRIVER_ERRORS as error:
                raise translated(error, source=self._source, dataset=dataset) from None

    def _statement(self, query: str, dataset: str) -> adbc.AdbcStatement:
        self._check()
        if self._connection is None:
            raise Unavailable(f"source {self._source}: not connected", code="source")
        try:
            statement = adbc.AdbcStatement(self._connection)
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_DRIVER_BYTES)})
            statement.set_sql_query(query)
        except _DRIVER_ERRORS as error:
            raise translated(error, source=self._source, dataset=dataset) from None
        return statement


def _plain(cells: pa.Array) -> pa.Array:
    """A numeric comes as an opaque text; nothing else that is asked for is of an extension type."""
    if isinstance(cells.type, pa.OpaqueType) and cells.type.type_name == "numeric":
        return cells.storage
    if isinstance(cells.type, pa.BaseExtensionType):
        raise Integrity("the driver delivered another type than was asked for", code="source.schema")
    return cells
