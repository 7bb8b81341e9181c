"""IBANs: country kept, check digits right, the rest encrypted or drawn.

With `keep_bank` the account's digits go through FF1, country and bank as the tweak: no two meet, and the key leads
back. The result may then be the IBAN of somebody (T25): nothing may be looked up with it.
Without, bank and account are drawn by a keyed function of the whole IBAN, under a bank code that no bank has: it is
nobody's. Two IBANs meet with a chance of at most 10^-15; the key does not lead back.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.masks.buffers import Bytes, Mask
from gateway.masks.cmac import Cmac
from gateway.masks.ff1.columns import Cipher, Places, put, taken
from gateway.masks.ff1.keys import ff1_key
from gateway.masks.ff1.symbols import DIGITS, SLACK, Rows
from gateway.masks.fpe.countries import COUNTRIES, Country
from gateway.masks.fpe.texts import back, reformatted
from gateway.masks.kernel import MaskInputs

Matrix = npt.NDArray[np.uint8]
"""One IBAN a row."""

_BBAN: Final = 4
"""Where the bank's code begins."""
_CHECK: Final = 2
"""Where the check digits begin."""
_MODULUS: Final = 97
_DIGIT, _LETTER = ord("0"), ord("A") - 10


def iban(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """An IBAN of the same country and length with right check digits. A null stays null.

    A text that is no IBAN in upper case without spaces, of a country of COUNTRIES, with digits behind its bank's
    code and right check digits, does not fit; without `keep_bank`, neither does one of a country of which no
    unassigned bank code is known.
    """
    return reformatted(column, inputs, _Ibans(inputs, reverse=False))


def iban_back(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The IBANs, from what `iban` with `keep_bank` made of them."""
    return reformatted(column, back(inputs), _Ibans(inputs, reverse=True))


class _Ibans:
    def __init__(self, inputs: MaskInputs, *, reverse: bool) -> None:
        self._keeps_bank = inputs.flag("keep_bank")
        self._reverse = reverse
        self._key = ff1_key(inputs)
        self._cmac = Cmac(ff1_key(inputs, label="gateway-iban/1"))
        self._ciphers: dict[int, Cipher] = {}

    def crypt(self, body: Bytes, offsets: Places, rows: slice) -> Mask:  # noqa: ARG002 - all rows are treated alike
        """By countries."""
        fits = np.zeros(len(offsets) - 1, np.bool_)
        long_enough = np.flatnonzero(np.diff(offsets) > _BBAN)
        starts = offsets[:-1][long_enough]
        codes = taken(body, starts, 2)[: 2 * len(starts)].view(np.uint16)
        for code in np.unique(codes).tolist():
            country = COUNTRIES.get(code.to_bytes(2, "little").decode("latin-1"))
            if country is not None and (self._keeps_bank or (country.unassigned and not self._reverse)):
                which = long_enough[(codes == code)]
                which = which[offsets[which + 1] - offsets[which] == country.length]
                if len(which):
                    fits[which] = self._crypt_country(body, offsets[which], country)
        return fits

    def _crypt_country(self, body: Bytes, starts: Places, country: Country) -> Mask:
        """Which are right; they are changed."""
        length = country.length
        rows = _matrix(taken(body, starts, length), length)
        right = _is_right(rows, country)
        starts = starts[right]
        if len(starts):
            copy = taken(body, starts, length)
            rows = _matrix(copy, length)
            if self._keeps_bank:
                self._encrypt(copy, rows, country)
            else:
                self._draw(copy, rows, country)
            _set_check(rows, country)
            put(body, starts, rows.reshape(-1), length)
        return right

    def _encrypt(self, copy: Bytes, rows: Matrix, country: Country) -> None:
        width = 2 + country.bank
        if width not in self._ciphers:
            self._ciphers[width] = Cipher(self._key, DIGITS, tweak_bytes=width, reverse=self._reverse)
        tweaks = np.zeros((len(rows), 16), np.uint8)
        tweaks[:, :2] = rows[:, :2]
        tweaks[:, 2:width] = rows[:, _BBAN : _BBAN + country.bank]
        places = np.arange(len(rows), dtype=np.int64) * country.length + _BBAN + country.bank
        self._ciphers[width].crypt(copy, places, country.account, tweaks=tweaks.view(np.uint64))

    def _draw(self, copy: Bytes, rows: Matrix, country: Country) -> None:
        places = np.arange(len(rows) + 1, dtype=np.int64) * country.length
        tags = self._cmac.of_texts(places, copy).view("<u8").reshape(-1, 2)
        begin = _BBAN + len(country.unassigned)
        drawn = country.length - begin
        first = drawn // 2
        all_rows = Rows(body=copy, start=begin, stride=country.length, count=len(rows))
        DIGITS.write(tags[:, 0] % np.uint64(10**first), all_rows, 0, first)
        DIGITS.write(tags[:, 1] % np.uint64(10 ** (drawn - first)), all_rows, first, drawn - first)
        rows[:, _BBAN:begin] = np.frombuffer(country.unassigned.encode(), np.uint8)


def _matrix(copy: Bytes, length: int) -> Matrix:
    return copy[: copy.size - SLACK].reshape(-1, length)


def _is_right(rows: Matrix, country: Country) -> Mask:
    """Digits where digits are, letters where letters are, and the check digits that follow from all others."""
    bank = rows[:, _BBAN : _BBAN + country.bank]
    first, size = (ord("A"), 26) if country.letters else (ord("0"), 10)
    digits = DIGITS.known(rows[:, _BBAN + country.bank :])
    checks = DIGITS.known(rows[:, _CHECK:_BBAN])
    formed = digits.all(axis=1) & checks.all(axis=1) & ((bank - np.uint8(first)) < size).all(axis=1)
    stated = (rows[:, _CHECK] - np.uint8(_DIGIT)) * 10 + (rows[:, _CHECK + 1] - np.uint8(_DIGIT))
    return np.asarray(formed & (stated == _check(rows, country)))


def _set_check(rows: Matrix, country: Country) -> None:
    check = _check(rows, country)
    rows[:, _CHECK] = check // 10 + _DIGIT
    rows[:, _CHECK + 1] = check % 10 + _DIGIT


def _check(rows: Matrix, country: Country) -> npt.NDArray[np.uint8]:
    """98 minus the remainder by 97 of all others' number, letters as 10 to 35 (ISO 7064, MOD 97-10)."""
    letters = {0, 1, *(range(_BBAN, _BBAN + country.bank) if country.letters else ())}
    total = np.zeros(len(rows), np.uint32)
    weight = 100  # the check digits stand last, as 00
    columns = np.ascontiguousarray(rows.T)
    for place in (1, 0, *range(country.length - 1, _BBAN - 1, -1)):
        is_letter = place in letters
        number = columns[place] - np.uint8(_LETTER if is_letter else _DIGIT)
        total += number * np.uint32(weight)
        weight = weight * (100 if is_letter else 10) % _MODULUS
    return np.asarray((98 - total % _MODULUS).astype(np.uint8))
