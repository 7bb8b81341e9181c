"""Reads an Arrow answer. Whole iff its last batch has no rows and carries `gateway.trailer`, and its end mark comes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa

from gateway.client.errors import Incomplete

TRAILER: Final = b"gateway.trailer"
_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
"""Arrow's end mark. Its readers take a stream that ends without it for whole."""
_BUFFER_BYTES: Final = 1 << 20


class ArrowAnswer:
    """Batches as they arrive. Until iteration has ended without an error they are part of an unfinished answer."""

    def __init__(self, chunks: Iterable[bytes], *, receipt: str = "") -> None:
        """Read the schema.

        Args:
            chunks: the body.
            receipt: the trailer MUST name it; empty: not checked.

        Raises:
            Incomplete: the body ends before its schema does.
        """
        self._chunks = _Chunks(iter(chunks))
        self._receipt = receipt
        try:
            self._reader = pa.ipc.open_stream(io.BufferedReader(self._chunks, _BUFFER_BYTES))
        except (pa.ArrowException, OSError):
            raise _cut() from None
        self.schema: pa.Schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """To the end.

        Raises:
            Incomplete: cut anywhere, at a message boundary too, or the trailer counts other rows.
        """
        rows, trailer = 0, None
        while (found := self._next()) is not None:
            batch, metadata = found
            if trailer is not None:
                raise _cut()
            if metadata and TRAILER in metadata:
                trailer = _read_trailer(metadata[TRAILER])
            else:
                rows += batch.num_rows
                yield batch
        self._chunks.drain()
        if self._chunks.tail != _END:
            raise _cut()
        if trailer is None or trailer.get("rows") != rows or trailer.get("status") != "complete":
            raise _cut()
        if self._receipt and trailer.get("receipt") != self._receipt:
            raise _cut()

    def table(self) -> pa.Table:
        """All of it; an empty one keeps its types."""
        return pa.Table.from_batches(list(self), schema=self.schema)

    def _next(self) -> tuple[pa.RecordBatch, Any] | None:
        try:
            batch, metadata = self._reader.read_next_batch_with_custom_metadata()
        except StopIteration:
            return None
        except (pa.ArrowException, OSError):
            raise _cut() from None
        return batch, metadata


class _Chunks(io.RawIOBase):
    """A file over chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(b"")
        self.tail = b""
        """The last bytes that came."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        while not self._left:
            chunk = self._next()
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def drain(self) -> None:
        """Read to the end, so that the connection can carry the next call."""
        while self._next() is not None:
            pass

    def _next(self) -> bytes | None:
        chunk = next(self._chunks, None)
        self.tail = (self.tail + (chunk or b"")[-len(_END) :])[-len(_END) :]
        return chunk


def read_arrow(data: bytes) -> pa.Table:
    """The table of a whole Arrow answer.

    Raises:
        Incomplete: cut anywhere, at a message boundary too.
    """
    return ArrowAnswer([data]).table()


def _read_trailer(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _cut() -> Incomplete:
    return Incomplete("the answer ends without its trailer: do not use it")
