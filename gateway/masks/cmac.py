"""AES-CMAC (RFC 4493) of whole columns: a few numpy passes and one call of AES per step, no object per value.

A message's last block is masked to its length and gets the padding and the subkey from two tables of 17 rows,
one row per length of a last block. Rows are gathered through a view of the body as overlapping 16-byte windows.
Longer rows take a step per block; rows are sorted by their number of blocks, so that each step works on
the ones that are still running. Vectors: tests/vectors/masks/rfc4493.json.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from gateway.masks.buffers import Bytes, allocate

Tags = npt.NDArray[np.void]
"""One 16-byte tag a row."""

BLOCK: Final = 16
TAG: Final = np.dtype("V16")
_ROWS: Final = 8192
"""Rows a chunk: every scratch array stays in a core's own cache."""
_LONG_BLOCKS: Final = 64
"""Longer messages go one by one: a step per block of one huge value would stall all others (THREATS T13)."""

_LAST_BLOCK_MASK: Final = np.tri(BLOCK + 1, BLOCK, -1, np.uint8) * np.uint8(255)
"""Row r keeps the first r bytes."""


class Cmac:
    """One key's CMAC. Holds scratch memory and a cipher context: MUST NOT be shared between threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - CMAC's own chaining is below
        self._tails = _tails(self._cipher.update(bytes(BLOCK)))
        self._blocks = allocate(_ROWS * BLOCK)
        self._table_rows = allocate(_ROWS * BLOCK)
        self._states = allocate(_ROWS * BLOCK + BLOCK)

    def of_words(self, words: npt.NDArray[np.int64]) -> Tags:
        """Tags of 8-byte messages: the numbers in two's complement, little-endian."""
        tags = allocate(len(words) * BLOCK + BLOCK)
        tail = self._tails[8].view(np.uint64)
        messages = words.astype("<i8", copy=False).view(np.uint64)
        for start in range(0, len(words), _ROWS):
            chunk = messages[start : start + _ROWS]
            blocks = self._blocks[: len(chunk) * BLOCK].view(np.uint64).reshape(-1, 2)
            np.bitwise_xor(chunk, tail[0], out=blocks[:, 0])
            blocks[:, 1] = tail[1]
            self._encrypt(blocks, tags[start * BLOCK :])
        return tags[: len(words) * BLOCK].view(TAG)

    def of_texts(self, offsets: npt.NDArray[Any], body: Bytes) -> Tags:
        """Tags of messages of any length: those between offset i and offset i + 1 of the body."""
        count = len(offsets) - 1
        tags = allocate(count * BLOCK + BLOCK)
        for start in range(0, count, _ROWS):
            self._of_chunk(offsets[start : start + _ROWS + 1], body, tags[start * BLOCK :])
        return tags[: count * BLOCK].view(TAG)

    def _of_chunk(self, offsets: npt.NDArray[Any], body: Bytes, tags: Bytes) -> None:
        lengths = np.diff(offsets)
        steps = np.maximum((lengths + BLOCK - 1) // BLOCK, 1)
        long = np.flatnonzero(steps > _LONG_BLOCKS)
        lengths[long], steps[long] = 0, 1
        windows, first = _windows(body, int(offsets[0]), int(offsets[-1]))
        starts = offsets[:-1] - first
        if steps.min() == steps.max():
            self._chain(windows, starts, lengths, steps, tags)
        else:
            order = np.argsort(steps.astype(np.uint8), kind="stable")
            self._chain(windows, starts[order], lengths[order], steps[order], self._states)
            tags[: len(starts) * BLOCK].view(TAG)[order] = self._states[: len(starts) * BLOCK].view(TAG)
        for row in long.tolist():
            one = CMAC(algorithms.AES(self._key))
            one.update(body[offsets[row] : offsets[row + 1]].tobytes())
            tags[row * BLOCK : (row + 1) * BLOCK] = np.frombuffer(one.finalize(), np.uint8)

    def _chain(
        self,
        windows: Tags,
        starts: npt.NDArray[Any],
        lengths: npt.NDArray[Any],
        steps: npt.NDArray[Any],
        states: Bytes,
    ) -> None:
        """Run all rows, sorted by steps, through CBC; a row's state after its last step is its tag."""
        last_lengths = (lengths - (steps - 1) * BLOCK).astype(np.intp)
        running = 0
        for step in range(int(steps[-1])):
            ending = int(np.searchsorted(steps, step + 1, side="right"))
            blocks = windows[starts[running:] + step * BLOCK].view(np.uint64).reshape(-1, 2)
            self._finish(blocks[: ending - running], last_lengths[running:ending])
            if step:
                blocks ^= states[running * BLOCK : len(starts) * BLOCK].view(np.uint64).reshape(-1, 2)
            self._encrypt(blocks, states[running * BLOCK :])
            running = ending

    def _finish(self, blocks: npt.NDArray[np.uint64], lengths: npt.NDArray[np.intp]) -> None:
        """Cut last blocks to their lengths, pad them and add the subkey (RFC 4493, section 2.4, steps 4 and 5)."""
        rows = self._table_rows[: len(blocks) * BLOCK]
        for table, combine in ((_LAST_BLOCK_MASK, np.bitwise_and), (self._tails, np.bitwise_xor)):
            np.take(table.reshape(-1).view(TAG), lengths, out=rows.view(TAG), mode="clip")
            combine(blocks, rows.view(np.uint64).reshape(-1, 2), out=blocks)

    def _encrypt(self, blocks: npt.NDArray[np.uint64], target: Bytes) -> None:
        """AES of every block; update_into demands 15 bytes of slack behind the result and leaves them alone."""
        self._cipher.update_into(blocks.reshape(-1).view(np.uint8).data, target.data)


def _tails(zero_block: bytes) -> Bytes:
    """What is XORed into a last block, by its length 0..16: padding bit and K2, or K1 for a full one."""
    full = _double(int.from_bytes(zero_block, "big"))
    padded = _double(full).to_bytes(BLOCK, "big")
    tails = np.frombuffer(padded * BLOCK + full.to_bytes(BLOCK, "big"), np.uint8).reshape(BLOCK + 1, BLOCK).copy()
    tails[np.arange(BLOCK), np.arange(BLOCK)] ^= 0x80
    return tails


def _double(value: int) -> int:
    """Multiply by x in GF(2^128) (RFC 4493, section 2.3)."""
    return ((value << 1) & ((1 << 128) - 1)) ^ (0x87 if value >> 127 else 0)


def _windows(body: Bytes, first: int, last: int) -> tuple[Tags, int]:
    """The body as overlapping 16-byte values, and the offset of the first one.

    Rows near the end of a buffer have no 16 bytes behind their start: then a padded copy is taken.
    """
    if last + BLOCK <= body.size:
        return np.ndarray((body.size - BLOCK + 1,), TAG, body.data, strides=(1,)), 0
    padded = np.zeros(last - first + 2 * BLOCK, np.uint8)
    padded[: last - first] = body[first:last]
    return np.ndarray((padded.size - BLOCK + 1,), TAG, padded.data, strides=(1,)), first
