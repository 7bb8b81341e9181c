"""A sink that Arrow's writers write to and a generator takes chunks from."""

from __future__ import annotations

import io


class Chunks(io.RawIOBase):
    """Keeps what was written since the last `take`; knows how much was written at all."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes written so far: Parquet's footer holds offsets."""
        return self._size

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # any buffer will do
        """Keep a copy."""
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last call, as one chunk."""
        chunk, self._parts = b"".join(self._parts), []
        return chunk
