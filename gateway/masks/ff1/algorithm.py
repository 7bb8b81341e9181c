"""FF1 (NIST SP 800-38G) over whole columns: values of one length as two numbers each, ten rounds of AES over all.

All rounds' blocks but for the half that is encrypted are the same for all rows, so they are worked out once. A tweak
may differ from row to row: it lies in the block that is encrypted anyway. Vectors: tests/vectors/masks/ff1.json.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.errors import Integrity
from gateway.masks.buffers import allocate

Numbers = npt.NDArray[np.uint64]

CHUNK: Final = 8192
"""Rows at once: every scratch array stays in a core's own cache."""
MIN_DOMAIN: Final = 1_000_000
"""Fewer values than these are found by trying (SP 800-38G Rev. 1, second draft, section 5.1: a requirement)."""
_ROUNDS: Final = 10
_BLOCK: Final = 16
_MAX_HALF: Final = 2**62
"""A half below it leaves room for the sum of two in a word, and for a difference with its sign."""
_SHORT, _LONG = 8, 12
"""Bytes of the round function's result (d in the standard)."""


def max_length(radix: int) -> int:
    """The longest values, in symbols, whose halves fit a word."""
    half = 1
    while radix ** (half + 1) < _MAX_HALF:
        half += 1
    return 2 * half


def min_length(radix: int) -> int:
    """The shortest values, in symbols, of which there are enough."""
    length = 1
    while radix**length < MIN_DOMAIN:
        length += 1
    return length


class Ff1:
    """One key's FF1 for values of one length. Holds scratch memory and a cipher: MUST NOT be shared between threads."""

    def __init__(self, key: bytes, *, radix: int, length: int, tweak: bytes = b"") -> None:
        """`tweak`: of all rows; where rows have their own, as many zero bytes as theirs have.

        Raises:
            Integrity: the values are too few or too long.
        """
        if not min_length(radix) <= length <= max_length(radix):
            raise Integrity(f"FF1 does not take {length} symbols of {radix}", code="masks.ff1")
        self.first_length = length // 2
        self._first, self._second = radix**self.first_length, radix ** (length - self.first_length)
        self._half_bytes = ((self._second - 1).bit_length() + 7) // 8
        self._result_bytes = 4 * ((self._half_bytes + 3) // 4) + 4
        self._tweak_bytes = len(tweak)
        self._cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - FF1 makes its own chain
        self._blocks = self._last_blocks(radix, length, tweak)
        self._given = allocate(CHUNK * _BLOCK).view(np.uint64).reshape(CHUNK, 2)
        self._made = allocate(CHUNK * _BLOCK + _BLOCK)
        self._scratch = np.empty(CHUNK, np.uint64)
        self._quotients = np.empty(CHUNK, np.float64)

    def crypt(
        self, first: Numbers, second: Numbers, *, tweaks: Numbers | None = None, reverse: bool = False
    ) -> tuple[Numbers, Numbers]:
        """The halves of the encrypted values, or, reversed, of the values. At most CHUNK rows.

        Args:
            first: each value's first half as a number; overwritten.
            second: the second half, which has one symbol more where the length is odd; overwritten.
            tweaks: each row's own tweak as the first bytes of 16, the others zero: two words a row.

        Raises:
            Integrity: the rows' own tweaks do not fit the last block.
        """
        if tweaks is not None and self._tweak_bytes + self._half_bytes + 1 > _BLOCK:
            raise Integrity("a row's tweak does not fit FF1's last block", code="masks.ff1")
        heads = None if tweaks is None else (np.ascontiguousarray(tweaks[:, 0]), np.ascontiguousarray(tweaks[:, 1]))
        # Steps 6 of algorithms 7 (encrypt) and 8 (decrypt): A is the half that changes, B the one that is hashed.
        changing, hashed = (second, first) if reverse else (first, second)
        for round_ in range(_ROUNDS - 1, -1, -1) if reverse else range(_ROUNDS):
            modulus = self._second if round_ & 1 else self._first
            result = self._result(hashed, round_, modulus, heads)
            if reverse:
                np.subtract(changing, result, out=changing)
                np.minimum(changing, np.add(changing, np.uint64(modulus), out=result), out=changing)
            else:
                np.add(changing, result, out=changing)
                np.minimum(changing, np.subtract(changing, np.uint64(modulus), out=result), out=changing)
            changing, hashed = hashed, changing
        return (hashed, changing) if reverse else (changing, hashed)

    def _result(self, half: Numbers, round_: int, modulus: int, heads: tuple[Numbers, Numbers] | None) -> Numbers:
        """The round function, already reduced."""
        count = len(half)
        given, scratch = self._given[:count], self._scratch[:count]
        head, tail = self._blocks[round_]
        number = half.byteswap()  # NUM(B) is big-endian
        if heads is None:
            given[:, 0] = head
            np.bitwise_xor(number, tail, out=given[:, 1])
        else:
            np.bitwise_xor(heads[0], head, out=given[:, 0])
            np.bitwise_xor(number, tail, out=number)
            np.bitwise_xor(number, heads[1], out=given[:, 1])
        self._cipher.update_into(given.reshape(-1).view(np.uint8).data, self._made.data)
        made = self._made[: count * _BLOCK].view(np.uint64).reshape(count, 2)
        upper = made[:, 0].byteswap()
        if self._result_bytes == _SHORT and modulus & (modulus - 1) == 0:
            return np.bitwise_and(upper, np.uint64(modulus - 1), out=upper)
        remainders = _reduced(upper, modulus, scratch)
        if self._result_bytes == _LONG:
            self._lengthen(remainders, made[:, 1], modulus)
        return remainders

    def _lengthen(self, remainders: Numbers, words: Numbers, modulus: int) -> None:
        """From the upper 64 bits' remainder to that of all 96: (remainder · 2^32 + lower) mod modulus.

        The quotient is estimated in floating point, wrong by one at most; the rest is exact modulo 2^64.
        """
        lower = words.byteswap()
        lower >>= np.uint64(32)
        quotients = self._quotients[: len(remainders)]
        np.multiply(remainders, 2.0**32, out=quotients)
        np.add(quotients, lower, out=quotients)
        np.divide(quotients, float(modulus), out=quotients)
        remainders <<= np.uint64(32)
        remainders |= lower
        np.copyto(lower, quotients, casting="unsafe")
        lower *= np.uint64(modulus)
        remainders -= lower
        np.add(remainders, np.uint64(modulus), out=lower)
        np.copyto(remainders, lower, where=remainders.view(np.int64) < 0)
        np.minimum(remainders, np.subtract(remainders, np.uint64(modulus), out=lower), out=remainders)

    def _last_blocks(self, radix: int, length: int, tweak: bytes) -> list[tuple[np.uint64, np.uint64]]:
        """What the half is XORed into, by round: the state after P and all of Q but NUM(B) (steps 5 and 6.i, 6.ii)."""
        header = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([_ROUNDS, self.first_length % 256])
        state = self._cipher.update(header + length.to_bytes(4, "big") + len(tweak).to_bytes(4, "big"))
        blocks = []
        for round_ in range(_ROUNDS):
            filled = tweak + bytes((-len(tweak) - self._half_bytes - 1) % _BLOCK)
            whole = filled + bytes([round_]) + bytes(self._half_bytes)
            chained = state
            for start in range(0, len(whole) - _BLOCK, _BLOCK):
                chained = self._cipher.update(_xor(chained, whole[start : start + _BLOCK]))
            last = _xor(chained, whole[-_BLOCK:])
            blocks.append(
                (np.uint64(int.from_bytes(last[:8], "little")), np.uint64(int.from_bytes(last[8:], "little")))
            )
        return blocks


def _reduced(numbers: Numbers, modulus: int, scratch: Numbers) -> Numbers:
    """Remainders in place; a third of the time of `%`."""
    np.floor_divide(numbers, np.uint64(modulus), out=scratch)
    np.multiply(scratch, np.uint64(modulus), out=scratch)
    return np.subtract(numbers, scratch, out=numbers)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
