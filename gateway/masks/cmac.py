"""AES-CMAC (RFC 4493) of whole columns: a few numpy passes and one call of AES per step, no object per value.

A message's last block is masked to its length and gets the padding and the subkey from two tables of 17 rows,
one row per length of a last block. Rows are read through a view of the body as overlapping 16-byte windows.
Longer rows take a step per block, aligned at their last blocks: an earlier step works on the rows that have
begun by then, the last one on all of them. Vectors: tests/vectors/masks/rfc4493.json.
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
Words = npt.NDArray[np.uint64]
"""Blocks as two 64-bit words a row."""

BLOCK: Final = 16
TAG: Final = np.dtype("V16")
_ROWS: Final = 8192
"""Rows a chunk: every scratch array stays in a core's own cache."""
_LONG_BLOCKS: Final = 64
"""Longer messages go one by one: a step per block of one huge value would stall all others (THREATS T13)."""

_LAST_BLOCK_MASK: Final = np.tri(BLOCK + 1, BLOCK, -1, np.uint8) * np.uint8(255)
"""Row r keeps the first r bytes."""
_PADDING: Final = np.eye(BLOCK + 1, BLOCK, 0, np.uint8) * np.uint8(0x80)
"""Row r sets the bit behind the first r bytes."""


class Cmac:
    """One key's CMAC. Holds scratch memory and a cipher context: MUST NOT be shared between threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - CMAC's own chaining is below
        self._tails = _tails(self._cipher.update(bytes(BLOCK)))
        self._blocks = allocate(_ROWS * BLOCK + BLOCK)
        self._states = allocate(_ROWS * BLOCK + BLOCK)

    def of_words(self, words: npt.NDArray[np.int64]) -> Tags:
        """Tags of 8-byte messages: the numbers in two's complement, little-endian."""
        tags = allocate(len(words) * BLOCK + BLOCK)
        tail = self._tails[8].view(np.uint64)
        messages = words.astype("<i8", copy=False).view(np.uint64)
        _words(self._blocks)[:, 1] = tail[1]  # the same in all rows: written once, not once a chunk
        for start in range(0, len(words), _ROWS):
            chunk = messages[start : start + _ROWS]
            blocks = self._blocks[: len(chunk) * BLOCK]
            np.bitwise_xor(chunk, tail[0], out=_words(blocks)[:, 0])
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
        shortest, longest = int(lengths.min()), int(lengths.max())
        windows, first = _windows(body, int(offsets[0]), int(offsets[-1]))
        if 0 < shortest == longest <= _LONG_BLOCKS * BLOCK:
            self._of_width(windows[int(offsets[0]) - first :], longest, len(lengths), tags)
            return
        if longest <= BLOCK:
            blocks = windows[offsets[:-1] - first if first else offsets[:-1]].view(np.uint8)
            self._finish(_words(blocks), lengths.astype(np.intp))
            self._encrypt(blocks, tags)
            return
        long = np.flatnonzero(lengths > _LONG_BLOCKS * BLOCK)
        lengths[long] = 0
        self._of_lengths(windows, offsets[:-1] - first, lengths, tags)
        for row in long.tolist():
            one = CMAC(algorithms.AES(self._key))
            one.update(body[offsets[row] : offsets[row + 1]].tobytes())
            tags[row * BLOCK : (row + 1) * BLOCK] = np.frombuffer(one.finalize(), np.uint8)

    def _of_width(self, windows: Tags, width: int, count: int, tags: Bytes) -> None:
        """Messages of one width, one behind the other: read by strides, five times as fast as row by row."""
        blocks, states = self._blocks[: count * BLOCK], self._states
        last = (width - 1) // BLOCK
        for step in range(last + 1):
            blocks.view(TAG)[:] = windows[step * BLOCK :][: (count - 1) * width + 1 : width]
            if step == last:
                self._finish_equally(_words(blocks), width - last * BLOCK)
            if step:
                _words(blocks)[:] ^= _words(states[: count * BLOCK])
            self._encrypt(blocks, tags if step == last else states)

    def _of_lengths(self, windows: Tags, starts: npt.NDArray[Any], lengths: npt.NDArray[Any], tags: Bytes) -> None:
        """Messages of up to 64 blocks; the state of one that has not begun is zero."""
        earlier = (np.maximum(lengths, 1) - 1) // BLOCK
        lasts = starts + earlier * BLOCK
        deepest = int(earlier.max())
        states = self._states[: len(starts) * BLOCK]
        if deepest:
            states[:] = 0
        for back in range(deepest, 0, -1):
            begun = earlier >= back
            rows = slice(None) if begun.all() else np.flatnonzero(begun)
            blocks = windows[lasts[rows] - back * BLOCK].view(np.uint8)
            if back < deepest:
                _words(blocks)[:] ^= _words(states.view(TAG)[rows].view(np.uint8))
            self._encrypt(blocks, self._blocks)
            states.view(TAG)[rows] = self._blocks[: blocks.size].view(TAG)
        blocks = windows[lasts].view(np.uint8)
        self._finish(_words(blocks), (lengths - earlier * BLOCK).astype(np.intp))
        if deepest:
            _words(blocks)[:] ^= _words(states)
        self._encrypt(blocks, tags)

    def _finish(self, blocks: Words, lengths: npt.NDArray[np.intp]) -> None:
        """Cut last blocks to their lengths, pad them and add the subkey (RFC 4493, section 2.4, steps 4 and 5).

        Overwrites self._blocks.
        """
        rows = self._blocks[: len(blocks) * BLOCK]
        for table, combine in ((_LAST_BLOCK_MASK, np.bitwise_and), (self._tails, np.bitwise_xor)):
            np.take(table.reshape(-1).view(TAG), lengths, out=rows.view(TAG), mode="clip")
            combine(blocks, _words(rows), out=blocks)

    def _finish_equally(self, blocks: Words, length: int) -> None:
        """The same for blocks of one length; by word, as numpy goes through rows of two words in loops of two."""
        mask, tail = _LAST_BLOCK_MASK[length].view(np.uint64), self._tails[length].view(np.uint64)
        for word in range(blocks.shape[1]):
            column = blocks[:, word]
            np.bitwise_and(column, mask[word], out=column)
            np.bitwise_xor(column, tail[word], out=column)

    def _encrypt(self, blocks: Bytes, target: Bytes) -> None:
        """AES of every block; update_into demands 15 bytes of slack behind the result and leaves them alone."""
        self._cipher.update_into(blocks.data, target.data)


def _tails(zero_block: bytes) -> Bytes:
    """What is XORed into a last block, by its length 0..16: padding bit and K2, or K1 for a full one."""
    full = _double(int.from_bytes(zero_block, "big"))
    subkeys = _double(full).to_bytes(BLOCK, "big") * BLOCK + full.to_bytes(BLOCK, "big")
    return np.frombuffer(subkeys, np.uint8).reshape(BLOCK + 1, BLOCK) ^ _PADDING


def _double(value: int) -> int:
    """Multiply by x in GF(2^128) (RFC 4493, section 2.3)."""
    return ((value << 1) & ((1 << 128) - 1)) ^ (0x87 if value >> 127 else 0)


def _words(blocks: Bytes) -> Words:
    return blocks.view(np.uint64).reshape(-1, 2)


def _windows(body: Bytes, first: int, last: int) -> tuple[Tags, int]:
    """The body as overlapping 16-byte values, and the offset of the first one.

    Rows near the end of a buffer have no 16 bytes behind their start: then a padded copy is taken.
    """
    if last + BLOCK <= body.size:
        return np.ndarray((body.size - BLOCK + 1,), TAG, body.data, strides=(1,)), 0
    padded = np.zeros(last - first + 2 * BLOCK, np.uint8)
    padded[: last - first] = body[first:last]
    return np.ndarray((padded.size - BLOCK + 1,), TAG, padded.data, strides=(1,)), first
