"""A thread that carries one released stream into a child."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from gateway.errors import GatewayError, Unavailable
from gateway.isolation.wire import Ended
from gateway.sandbox.child.frames import BATCH, END, SCHEMA
from gateway.sandbox.wire import Channel
from gateway.terms.streams import ReleasedStream

MAX_BATCH_BYTES: Final = 16 << 20
"""Larger batches are cut by rows, so that a child's memory is not decided by a source's batch size."""
PRESENT: Final = pa.schema([pa.field("__present", pa.bool_())])
"""Stands for a scan without columns (`count(*)`): the engine has no table without columns."""


class Feeder:
    """Pulls a stream as the child takes it: the socket is the only queue.

    Ends by itself at the stream's end, at `stop`, at the child's end, or at the stream's first error;
    closes the stream in each case.
    """

    def __init__(
        self,
        stream: ReleasedStream,
        *,
        channel: Channel,
        on_failure: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """`on_end` is called once when it reads no more, whatever the reason."""
        self.failure: GatewayError | None = None
        """What the stream raised. Its text never goes to the child."""
        self._stream = stream
        self._channel = channel
        self._on_failure = on_failure
        self._on_end = on_end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-feeder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send the end mark after the batch in hand."""
        self._stopping.set()

    def ended(self, *, within: float) -> bool:
        """Whether its thread ended, at most so many seconds from now."""
        if self._thread.ident is None:  # the query ended before it was to feed
            return True
        self._thread.join(within)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """End the reading at its origin, from another thread: the last means against a source that does not answer."""
        with contextlib.suppress(Exception):  # what a close in mid-read raises: the stream is given up, its child dead
            self._stream.close()

    def _run(self) -> None:
        try:
            with self._stream:
                self._feed()
        except Ended:
            return  # the child is gone: whoever reads the answer knows why
        except GatewayError as error:
            self._fail(error)
        except BaseException:  # noqa: BLE001 - the thread's border: whatever it is ends the query, and its text may hold a value
            self._fail(Unavailable("a source or mask failed while the query ran", code="source"))
        finally:
            self._on_end()

    def _feed(self) -> None:
        schema = self._stream.schema if len(self._stream.schema) else PRESENT
        self._channel.write(SCHEMA, schema.serialize())
        for batch in self._stream:
            if self._stopping.is_set():
                break
            self._send(batch if len(batch.schema) else _present(batch.num_rows))
            if self._stopping.is_set():
                break
        self._channel.write(END, b"")

    def _send(self, batch: pa.RecordBatch) -> None:
        if batch.nbytes > MAX_BATCH_BYTES and batch.num_rows > 1:
            half = batch.num_rows // 2
            self._send(batch.slice(0, half))
            self._send(batch.slice(half))
        else:
            self._channel.write(BATCH, batch.serialize())

    def _fail(self, error: GatewayError) -> None:
        self.failure = error
        self._on_failure()


def _present(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(rows, pa.bool_())], schema=PRESENT)
