"""IBANs with each country's structure, national check digits and mod-97 (ISO 13616, ISO 7064).

German and Austrian account numbers have no check digit that every bank shares; all others carry theirs.
"""

# ruff: noqa: PLR2004 - check digits are arithmetic with fixed numbers
from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Digits = npt.NDArray[np.int64]
"""One row per account, one column per character: 0–9, and 10–35 for A–Z."""

_ALPHABET: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
_ITALIAN_ODD: Final = np.array(
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10,
     22, 25, 24, 23]
)  # fmt: skip
_SPREAD: Final = 48_271
"""Odd and no multiple of 5: multiplying by it permutes the numbers below any power of ten."""


def ibans(country: str, *, bank: npt.NDArray[np.int64], number: npt.NDArray[np.int64]) -> pa.Array:
    """IBANs of accounts, without spaces.

    Args:
        bank: which of the country's bank codes, 0..7; 0 is the embedded bank's own.
        number: the account, 0..99,999,999; with the bank it decides the IBAN alone.
    """
    body = (number * _SPREAD + 7_654_321) % 10**8
    basic = _BASIC[country](np.asarray(bank, np.int64), _digits(body, 8))
    prefix = np.array([ord(c) - 55 for c in country], np.int64)
    check = 98 - _remainder(np.hstack([basic, np.tile(prefix, (len(basic), 1)), _zeros(basic, 2)]), 97)
    whole = np.hstack([np.tile(prefix, (len(basic), 1)), _digits(check, 2), basic])
    width = whole.shape[1]
    text = np.ascontiguousarray(_ALPHABET[whole])
    offsets = np.arange(0, (len(text) + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(text))


def _digits(numbers: npt.NDArray[np.int64], width: int) -> Digits:
    powers: Digits = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers) % 10


def _zeros(like: Digits, width: int) -> Digits:
    return np.zeros((len(like), width), np.int64)


def _remainder(characters: Digits, modulus: int) -> npt.NDArray[np.int64]:
    rest = np.zeros(len(characters), np.int64)
    for column in characters.T:
        rest = (rest * np.where(column > 9, 100, 10) + column) % modulus
    return rest


def _weighted(digits: Digits, weights: list[int]) -> npt.NDArray[np.int64]:
    total: npt.NDArray[np.int64] = digits @ np.array(weights, np.int64)
    return total


def _germany(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    return np.hstack([_digits(37_040_044 + bank * 1_010_000, 8), _digits(bank + 1, 2), body])


def _austria(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    return np.hstack([_digits(19_043 + bank * 1_000, 5), _zeros(body, 3), body])


def _france(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """Clé RIB."""
    code, branch = _digits(20_041 + bank * 1_000, 5), _digits(1_005 + bank, 5)
    account = np.hstack([_digits(bank + 1, 3), body])
    key = 97 - _remainder(np.hstack([code, branch, account, _zeros(body, 2)]), 97)
    return np.hstack([code, branch, account, _digits(key, 2)])


def _italy(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """CIN, a letter: odd places by table, even places by value, mod 26."""
    rest = np.hstack([_digits(5_428 + bank * 100, 5), _digits(11_101 + bank, 5), _zeros(body, 4), body])
    cin = (_ITALIAN_ODD[rest[:, 0::2]].sum(axis=1) + rest[:, 1::2].sum(axis=1)) % 26
    return np.hstack([cin[:, None] + 10, rest])


def _spain(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """Two digits: of bank and branch, and of the account."""
    code, branch = _digits(2_100 + bank * 10, 4), _digits(418 + bank, 4)
    account = np.hstack([_digits(bank + 2, 2), body])
    weights = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6]
    first = _spanish_digit(_weighted(np.hstack([_zeros(body, 2), code, branch]), weights))
    second = _spanish_digit(_weighted(account, weights))
    return np.hstack([code, branch, first[:, None], second[:, None], account])


def _spanish_digit(total: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    rest = 11 - total % 11
    return np.where(rest == 11, 0, np.where(rest == 10, 1, rest))


def _netherlands(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """Bank letters, and ten digits that pass the eleven-proof."""
    letters = np.array([[ord(c) - 55 for c in code] for code in _DUTCH_BANKS], np.int64)
    return np.hstack([letters[bank], _eleven_proof(body, [10, 9, 8, 7, 6, 5, 4, 3])])


_DUTCH_BANKS: Final = ("BNGH", "ABNA", "INGB", "RABO", "TRIO", "KNAB", "SNSB", "ASNB")


def _czechia(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """Empty prefix, and ten digits mod 11."""
    return np.hstack([_digits(800 + bank * 100, 4), _zeros(body, 6), _eleven_proof(body, [6, 3, 7, 9, 10, 5, 8, 4])])


def _eleven_proof(body: Digits, weights: list[int]) -> Digits:
    """Two more digits, of weights 2 and 1, that make the sum a multiple of 11."""
    missing = -_weighted(body, weights) % 11
    # One digit cannot add 10; then the digit of weight 2 is 1 and adds 2 of it.
    carry = (missing == 10).astype(np.int64)
    return np.hstack([body, carry[:, None], (missing - 2 * carry)[:, None]])


def _poland(bank: npt.NDArray[np.int64], body: Digits) -> Digits:
    """Bank and branch with their check digit, then sixteen digits."""
    branch = _digits(1_020_102 + bank * 10_000, 7)
    check = -_weighted(branch, [3, 9, 7, 1, 3, 9, 7]) % 10
    return np.hstack([branch, check[:, None], _zeros(body, 6), _digits(bank + 1, 2), body])


_BASIC: Final[Mapping[str, Callable[[npt.NDArray[np.int64], Digits], Digits]]] = MappingProxyType(
    {
        "DE": _germany,
        "FR": _france,
        "IT": _italy,
        "ES": _spain,
        "NL": _netherlands,
        "PL": _poland,
        "CZ": _czechia,
        "AT": _austria,
    }
)
