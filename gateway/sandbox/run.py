"""One query on one child: feed, read, judge.

An answer counts only when the trailer came, says ok, equals what was received, and no feeder failed.
Whatever else happens ends in an error and a dead child.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pyarrow as pa

from gateway.errors import GatewayError, Unavailable
from gateway.isolation.wire import Ended, Malformed
from gateway.sandbox import failures
from gateway.sandbox.child.frames import BATCH, QUERY, SCHEMA, TRAILER
from gateway.sandbox.failures import End
from gateway.sandbox.feed import Feeder
from gateway.sandbox.hostile import read_batch, read_schema
from gateway.sandbox.process import Child
from gateway.sandbox.wire import Received, trailer
from gateway.terms.streams import ReleasedStream

JOIN_SECONDS: Final = 1.0
"""A feeder that is still inside its source after this long is abandoned, and its child not used again."""


class Run:
    """A query from its first frame to its trailer. `give_back(child, reusable)` is called once, at its end."""

    def __init__(
        self,
        child: Child,
        *,
        streams: Mapping[str, ReleasedStream],
        give_back: Callable[[Child, bool], None],
        when_read: Callable[[], None],
    ) -> None:
        """`when_read` is called once when no stream is read any more."""
        self._child = child
        self._give_back = give_back
        self._streams = streams
        self._feeders = [
            Feeder(stream, channel=channel, on_failure=self._source_failed, on_end=self._stream_ended)
            for stream, channel in zip(streams.values(), child.scans, strict=False)
        ]
        self._when_read = when_read
        self._reading = len(self._feeders)
        self._counting = threading.Lock()
        self._is_streamed = False
        self._received = Received()
        self._ending = threading.Lock()
        self._is_over = False

    def start(
        self, sql: str, *, output_names: tuple[str, ...], materialized: frozenset[str], batch_rows: int
    ) -> pa.Schema:
        """Send the query, start feeding, and wait for the answer's schema.

        Raises:
            GatewayError: the query ended before it had one.
        """
        self._is_streamed = not materialized.issuperset(self._streams)
        query = {
            "sql": sql,
            "scans": [(name, name in materialized) for name in self._streams],
            "batch_rows": batch_rows,
        }
        with self._telling():
            for feeder in self._feeders:
                feeder.start()
            self._child.control.write(QUERY, json.dumps(query).encode())
            kind, payload = self._child.control.read()
            if kind == TRAILER:
                raise self._verdict(payload) or Malformed("an answer without schema")
            if kind != SCHEMA:
                raise Malformed("no schema first")
            self._received.add(payload)
            self._sent, self._schema = read_schema(payload, names=output_names)
        return self._schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Checked batches. Ends without an error only if the answer is whole.

        Raises:
            GatewayError: it is not; what was yielded so far MUST NOT pass as an answer.
        """
        while True:
            with self._telling():
                batch = self._next()
            if batch is None:
                return
            yield batch

    def close(self) -> None:
        """End the query; kills the child unless the query has ended well."""
        self._end("cancelled")

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """End the query at any error, and tell the one that matters."""
        try:
            yield
        except (Ended, Malformed, GatewayError) as error:
            raise self._broken(error) from None
        except BaseException:
            self._end("retired")
            raise

    def _next(self) -> pa.RecordBatch | None:
        if self._is_over:
            raise Ended
        kind, payload = self._child.control.read()
        if kind == BATCH:
            batch = read_batch(payload, sent=self._sent, answer=self._schema)
            self._received.add(payload, rows=batch.num_rows)
            return batch
        if kind != TRAILER:
            raise Malformed("neither batch nor trailer")
        if error := self._verdict(payload):
            raise error
        return None

    def _verdict(self, payload: pa.Buffer) -> GatewayError | None:
        """Hold the trailer against what came; ends a good query."""
        end = trailer(payload)
        if end.status != "ok":
            return failures.by_status(end.status, is_streamed=self._is_streamed)
        if not self._received.equals(end):
            raise Malformed("a trailer that does not fit what came")
        self._end(None)
        return self._failure()

    def _broken(self, error: Exception) -> GatewayError:
        """End the query and choose what to tell: a source's failure first, then why the child is gone."""
        verdict = self._child.verdict() if isinstance(error, Ended) else None
        self._end("retired")
        if failure := self._failure():
            return failure
        if isinstance(error, GatewayError):
            return error
        if isinstance(error, Malformed):
            return Unavailable("the sandbox broke its protocol", code="sandbox")
        return failures.by_end(verdict)

    def _failure(self) -> GatewayError | None:
        return next((feeder.failure for feeder in self._feeders if feeder.failure), None)

    def _stream_ended(self) -> None:
        with self._counting:
            self._reading -= 1
            is_last = self._reading == 0
        if is_last:
            self._when_read()

    def _source_failed(self) -> None:
        self._child.kill("source")

    def _end(self, end: End | None) -> None:
        """Stop feeding and give the child back, once; with a reason the child is killed first."""
        with self._ending:
            if self._is_over:
                return
            self._is_over = True
            if end:
                self._child.kill(end)
            is_drained = self._stop_feeding()
            self._give_back(self._child, end is None and is_drained and self._failure() is None)

    def _stop_feeding(self) -> bool:
        """Whether all feeders ended; those that did not in time are abandoned."""
        for feeder in self._feeders:
            feeder.stop()
        limit = time.monotonic() + JOIN_SECONDS
        late = [feeder for feeder in self._feeders if not feeder.ended(within=max(0.0, limit - time.monotonic()))]
        for feeder in late:
            feeder.abandon()
        return not late
