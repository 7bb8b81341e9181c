"""FF1 over rows of characters in a buffer, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.masks.buffers import Bytes, allocate
from gateway.masks.ff1.algorithm import CHUNK, Ff1, Numbers, max_length, min_length
from gateway.masks.ff1.symbols import SLACK, Rows, Symbols

Places = npt.NDArray[Any]
"""Where rows begin in a buffer."""


class Cipher:
    """One key and alphabet, for values of all lengths. MUST NOT be shared between threads."""

    def __init__(self, key: bytes, symbols: Symbols, *, tweak_bytes: int = 0, reverse: bool = False) -> None:
        """`tweak_bytes`: of each row's own tweak."""
        self.symbols = symbols
        self.shortest, self.longest = min_length(symbols.radix), max_length(symbols.radix)
        self._key = key
        self._tweak = bytes(tweak_bytes)
        self._reverse = reverse
        self._by_length: dict[int, Ff1] = {}

    def crypt(self, body: Bytes, starts: Places, length: int, *, tweaks: Numbers | None = None) -> None:
        """Encrypt the `length` symbols at each start, or decrypt them.

        Args:
            body: has SLACK bytes behind the last symbol; rows do not overlap.
            tweaks: a row's own as the first bytes of 16: two words a row, as many rows as starts.
        """
        one = self._by_length.get(length)
        if one is None:
            one = self._by_length[length] = Ff1(self._key, radix=self.symbols.radix, length=length, tweak=self._tweak)
        for begin in range(0, len(starts), CHUNK):
            places = starts[begin : begin + CHUNK]
            rows, is_copy = _rows(body, places, length)
            self._crypt_rows(one, rows, length, None if tweaks is None else tweaks[begin : begin + CHUNK])
            if is_copy:
                put(body, places, rows.body[: rows.count * length], length)

    def _crypt_rows(self, one: Ff1, rows: Rows, length: int, tweaks: Numbers | None) -> None:
        half = one.first_length
        first, second = one.crypt(
            self.symbols.read(rows, 0, half),
            self.symbols.read(rows, half, length - half),
            tweaks=tweaks,
            reverse=self._reverse,
        )
        self.symbols.write(first, rows, 0, half)
        self.symbols.write(second, rows, half, length - half)


def taken(body: Bytes, starts: Places, length: int) -> Bytes:
    """A copy of the `length` bytes at each start, one behind the other, with SLACK behind the last."""
    copy = allocate(len(starts) * length + SLACK)
    rows = copy[: len(starts) * length]
    if len(starts):
        rows.view(f"V{length}")[:] = _windows(body, length)[starts]  # NOTE: np.take would copy all windows
    return copy


def put(body: Bytes, starts: Places, rows: Bytes, length: int) -> None:
    """Put rows of `length` bytes at each start. Rows do not overlap."""
    if len(starts):
        _windows(body, length)[starts] = rows.view(f"V{length}")


def _rows(body: Bytes, places: Places, length: int) -> tuple[Rows, bool]:
    """Rows where they are, if they lie at even distances; else a copy."""
    count = len(places)
    stride = int(places[1] - places[0]) if count > 1 else length
    if count == 1 or (places[1:] - places[:-1] == stride).all():
        return Rows(body=body, start=int(places[0]), stride=stride, count=count), False
    return Rows(body=taken(body, places, length), start=0, stride=length, count=count), True


def _windows(body: Bytes, length: int) -> npt.NDArray[np.void]:
    """The body as overlapping values of `length` bytes."""
    return np.ndarray((body.size - length + 1,), np.dtype(f"V{length}"), body.data, strides=(1,))
