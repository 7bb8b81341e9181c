"""Domestic account numbers, from before IBAN and beside it."""

from __future__ import annotations

import re
from functools import lru_cache

from stdnum.cz import bankaccount
from stdnum.es import ccc
from stdnum.us import rtn

from gateway.recognition.checks.check import Check
from gateway.recognition.checks.iban import remainder

_CZECH = re.compile(r"(?:(\d{1,6})-)?(\d{2,10})/(\d{4})")
_CZECH_WEIGHTS = (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_SEPARATORS = str.maketrans("", "", " -.")
_RIB_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")
_RIB = re.compile(r"\d{10}[0-9A-Z]{11}\d{2}")
_POLISH_COUNTRY = "2521"
"""`PL` as the digits that MOD 97 takes for letters."""


@lru_cache(maxsize=512)
def is_czech_bank(code: str) -> bool:
    """Say whether the Czech National Bank has given out this code."""
    return bool(bankaccount.info(f"19/{code}").get("bank"))


def is_czech_account(text: str) -> bool:
    """Check `prefix-number/bank` by weights and the list of banks."""
    match = _CZECH.fullmatch(text)
    if match is None or not is_czech_bank(match[3]):
        return False
    return all(_has_czech_sum(part or "") for part in match.group(1, 2))


def _has_czech_sum(digits: str) -> bool:
    return sum(w * int(d) for w, d in zip(_CZECH_WEIGHTS, digits.zfill(10), strict=True)) % 11 == 0


def is_spanish_account(text: str) -> bool:
    """Check a CCC of 20 digits."""
    bare = text.translate(_SEPARATORS)
    return len(bare) == 20 and bare.isdigit() and ccc.is_valid(bare)  # noqa: PLR2004 its length


def is_french_account(text: str) -> bool:
    """Check a RIB: bank 5, branch 5, account 11, key 2 (CFONB)."""
    bare = text.translate(_SEPARATORS).upper()
    return _RIB.fullmatch(bare) is not None and int(bare.translate(_RIB_LETTERS)) % 97 == 0


def is_polish_account(text: str) -> bool:
    """Check an NRB of 26 digits: a Polish IBAN without its letters."""
    bare = text.translate(_SEPARATORS)
    return len(bare) == 26 and bare.isdigit() and remainder(bare[2:] + _POLISH_COUNTRY + bare[:2]) == 1  # noqa: PLR2004 its length


def is_routing_number(text: str) -> bool:
    """Check an American routing number (ABA)."""
    return len(text) == 9 and text.isdigit() and rtn.is_valid(text)  # noqa: PLR2004 its length


ACCOUNTS: tuple[Check, ...] = tuple(
    Check(name=name, kind="account", countries=frozenset({name[-2:]}), shape=shape, chance=chance, accepts=accepts)
    for name, shape, chance, accepts in (
        ("account.cz", "9999999999/0800", 0.09, is_czech_account),
        ("account.es", "99999999999999999999", 0.01, is_spanish_account),
        ("account.fr", "99999999999999999999999", 0.01, is_french_account),
        ("account.pl", "99999999999999999999999999", 0.01, is_polish_account),
        ("routing.us", "999999999", 0.09, is_routing_number),
    )
)
