"""Telephone numbers by Google's metadata (`phonenumbers`), and the calling codes that `+` and `00` may begin with."""

from __future__ import annotations

import re
from collections.abc import Callable

import phonenumbers

from gateway.recognition.checks.check import Check
from gateway.recognition.folding import words

COUNTRIES = words(
    """
    at be bg ch cy cz de dk ee es fi fr gb gr hr hu ie is it li lt lu lv mt nl no pl pt ro rs se si sk tr ua us
    """
)
"""Whose national forms have a check of their own."""
CALLING_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_FORM = re.compile(r"[+(]?[\d(][\d ()./-]{5,26}\d")
_MIN_DIGITS, _MAX_DIGITS = 7, 15
"""ITU-T E.164 allows 15."""


def has_calling_code(digits: str) -> bool:
    """Say whether digits, without `+` or `00`, begin with a country's calling code and are as many as E.164 allows."""
    return _MIN_DIGITS <= len(digits) <= _MAX_DIGITS and any(digits[:size] in CALLING_CODES for size in (1, 2, 3))


def is_phone(text: str, country: str = "") -> bool:
    """Check a number: in international form, or as written inside the country (two letters)."""
    if _FORM.fullmatch(text) is None:
        return False
    international = "+" + text[2:] if text.startswith("00") else text
    if not country and international[0] != "+":
        return False
    try:
        number = phonenumbers.parse(international, country.upper() or None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


def _national(country: str) -> Callable[[str], bool]:
    return lambda text: is_phone(text, country)


PHONES: tuple[Check, ...] = (
    Check(name="phone", kind="phone", shape="+99999999999", chance=0.2, accepts=is_phone),
    *(
        Check(name=f"phone.{one}", kind="phone", countries=frozenset({one}), chance=0.4, accepts=_national(one))
        for one in COUNTRIES
    ),
)
