"""One query at a time: streams in by the scan sockets, the answer out by the control socket.

Nothing of a query is left when its session is closed: registrations and temporary tables belong to the session,
and a single SELECT makes nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import duckdb
import pyarrow as pa

from gateway.isolation.frames import Channel, Cut

from . import frames

REHEARSED_ROWS = 16_384
BATCH_BYTES = 16 << 20
"""Larger batches are cut by rows."""

KEEP = 'CREATE TEMP TABLE "{name}" AS SELECT * FROM "__stream" AS released ORDER BY hash(released)'
"""The name is an identifier of the gateway's own making, and checked."""
REHEARSAL = """
    SELECT t, total, row_number() OVER (ORDER BY total) AS place, date_trunc('month', now()) AS month
    FROM (SELECT upper(s.t) AS t, sum(k.n) AS total, quantile_cont(k.n, 0.5) AS middle
          FROM streamed s JOIN kept k USING (n) GROUP BY 1) groups ORDER BY t DESC
"""

_STATUS_BY_ERROR = {
    "Conversion Error": "conversion",
    "Out of Range Error": "range",
    "Out of Memory Error": "memory",
    "IO Error": "memory",  # only what exceeds memory is ever written: its folder or its disk is full
    "Invalid Input Error": "input",
    "Binder Error": "types",
    "Not implemented Error": "unsupported",
}
"""By how the engine begins its text: errors of a running stream arrive as OSError, without the engine's class."""


class Query(TypedDict):
    """What the gateway asks."""

    sql: str
    scans: list[tuple[str, bool]]
    """Name and whether to keep it whole; in the order of the scan sockets."""
    batch_rows: int
    """Of the answer."""


class Unwilling(Exception):
    """The query cannot be answered; carries a status of the closed set."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Scan:
    """One released stream of one query."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ended = False
        _, payload = channel.read()
        self._schema = pa.ipc.read_schema(payload)

    def reader(self) -> pa.RecordBatchReader:
        """Read it, once."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def drain(self) -> None:
        """Read to the end mark what the query did not want, so that the next query finds its own stream."""
        while not self._ended:
            self._next()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while (payload := self._next()) is not None:
            yield pa.ipc.read_record_batch(payload, self._schema)

    def _next(self) -> pa.Buffer | None:
        kind, payload = self._channel.read()
        self._ended = kind == frames.END
        return None if self._ended else payload


class Answer:
    """Counts and digests what is sent."""

    def __init__(self, control: Channel) -> None:
        self._control = control
        self._digest = hashlib.sha256()
        self._rows = 0

    def schema(self, schema: pa.Schema) -> None:
        """Names are replaced by positions: two columns may share one."""
        fields = [field.with_name(f"c{position}") for position, field in enumerate(schema)]
        self._send(frames.SCHEMA, pa.schema(fields).serialize())

    def batch(self, batch: pa.RecordBatch) -> None:
        """Send a batch, cut by rows where it is large."""
        if batch.nbytes > BATCH_BYTES and batch.num_rows > 1:
            half = batch.num_rows // 2
            self.batch(batch.slice(0, half))
            self.batch(batch.slice(half))
            return
        payload = batch.serialize()
        if payload.size > frames.MAX_FRAME_BYTES:
            raise Unwilling("wide_row")
        self._send(frames.BATCH, payload)
        self._rows += batch.num_rows

    def end(self, status: str) -> None:
        """Send the trailer."""
        code = frames.STATUSES.index(status)
        self._control.write(frames.TRAILER, frames.TRAILER_LAYOUT.pack(code, self._rows, self._digest.digest()))

    def _send(self, kind: int, payload: pa.Buffer) -> None:
        self._digest.update(payload)
        self._control.write(kind, payload)


def serve(connection: duckdb.DuckDBPyConnection, control: Channel, scans: Sequence[Channel]) -> None:
    """Answer queries until one does not end well or the gateway closes the control socket."""
    while True:
        try:
            _, payload = control.read()
        except Cut:
            return
        query: Query = json.loads(payload.to_pybytes())
        sources = {name: Scan(channel) for (name, _), channel in zip(query["scans"], scans, strict=False)}
        status = _answer(connection, query=query, sources=sources, answer=Answer(control))
        if status != "ok":
            return
        for source in sources.values():
            source.drain()


def rehearse(connection: duckdb.DuckDBPyConnection) -> None:
    """Do once, before confinement, what every query does: libraries load parts of themselves at first use."""
    batch = pa.record_batch({"n": pa.array([1, None]), "t": pa.array(["a", "b"])})
    session = connection.cursor()
    for name in ("streamed", "kept"):
        reader = pa.RecordBatchReader.from_batches(batch.schema, iter([batch]))
        if name == "kept":
            _keep(session, name=name, reader=reader)
        else:
            session.register(name, reader)
    session.extract_statements(REHEARSAL)
    for answer in session.sql(REHEARSAL).to_arrow_reader(REHEARSED_ROWS):
        pa.ipc.read_record_batch(answer.serialize(), answer.schema)
    session.close()


def _answer(connection: duckdb.DuckDBPyConnection, *, query: Query, sources: Mapping[str, Scan], answer: Answer) -> str:
    try:
        _run(connection, query=query, sources=sources, answer=answer)
        status = "ok"
    except Unwilling as unwilling:
        status = unwilling.status
    except MemoryError:
        status = "memory"
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        status = _status(str(error))
    answer.end(status)
    return status


def _run(connection: duckdb.DuckDBPyConnection, *, query: Query, sources: Mapping[str, Scan], answer: Answer) -> None:
    session = connection.cursor()
    try:
        for name, whole in query["scans"]:
            reader = sources[name].reader()
            if whole:
                _keep(session, name=name, reader=reader)
            else:
                session.register(name, reader)
        statements = session.extract_statements(query["sql"])
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise Unwilling("statement")
        rows = session.sql(query["sql"]).to_arrow_reader(query["batch_rows"])
        first = next(rows, None)  # where the SQL ends in an order or one row, all that it reads has been read by now
        answer.schema(rows.schema)
        for batch in itertools.chain([first] if first is not None else [], rows):
            answer.batch(batch)
    finally:
        session.close()


def _keep(session: duckdb.DuckDBPyConnection, *, name: str, reader: pa.RecordBatchReader) -> None:
    """Load a stream into a table of the session, in an order that its rows alone decide.

    The source's order would tell of values that were masked, and of rows that were filtered out (T7): equal released
    rows give equal tables, whatever order they came in.
    """
    if not name.isidentifier():
        raise Unwilling("statement")
    session.register("__stream", reader)
    session.execute(KEEP.format(name=name))
    session.unregister("__stream")


def _status(text: str) -> str:
    """The closed set's word for an engine's text, which itself goes nowhere."""
    kind, _, rest = text.partition(": ")
    if kind == "Invalid Input Error" and rest.startswith("Division by zero"):
        return "division"
    return _STATUS_BY_ERROR.get(kind, "engine")
