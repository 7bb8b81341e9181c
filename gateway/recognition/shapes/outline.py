"""What a text looks like from afar, one byte a character: cheap noes before dear looks.

Each question is a condition that its search needs; a yes promises nothing.
"""

from __future__ import annotations

import re
import string
from typing import AnyStr

from gateway.recognition.folding import words

_DIGITS, _LETTERS = string.digits.encode(), string.ascii_letters.encode()
_LIKE = bytes.maketrans(_DIGITS + _LETTERS, b"0" * len(_DIGITS) + b"a" * len(_LETTERS))
_DATED = bytes.maketrans(b"/-", b"..")
_SOLID = bytes.maketrans(b"a", b"0")
_IBAN_SEPARATORS = b" \t\n\r.-_/:"
_IBAN_RUNS = bytes(code if code in b"0a" else ord(" ") for code in range(256))
_LEDGER, _DOTTED_MAC = b"0" * 26, b"0000.0000.0000"
_MAC_SIGNS, _IP_DOTS, _IP_COLONS = 5, 3, 2
_IBAN_DIGITS, _NATIONAL_DIGITS, _NUMBER_DIGITS = 10, 6, 5
_FROM_DIGIT = (b"000000a", b"0000000000", b"000000+")
_FROM_LETTER = (b"aa000000a", b"a0000000a")
"""What national numbers with a letter have, blanks, dots and hyphens taken out."""


_WRITTEN_AT = re.compile(r"[(\[{] ?[aAkKzZ]")
_LOGINS = words("user login benutzer nutzername identif utente usuario gebruiker ytkown ivatel")
_BICS = words("bic swift")
_PLATES = words("kennz kfz schild plate regist mmatr plaque targa matr kenteken rejestr spz rz")
"""Stems of the words that name what stands after them."""


class Outline:
    """Digits as `0`, ASCII letters as `a`, other ASCII as it is, all else as `?`."""

    __slots__ = ("_digits", "_has_code", "_lowered", "_shape", "_solid", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._lowered = text.lower()
        self._shape = text.encode("ascii", "replace").translate(_LIKE)
        self._solid = self._shape.translate(_SOLID)
        self._digits = self._shape.count(b"0")
        self._has_code = b"0a" in self._shape or b"a0" in self._shape

    def may_have_letters_for_digits(self) -> bool:
        """Say whether a letter touches a digit."""
        return self._has_code

    def may_have_link(self) -> bool:
        """Say whether a link begins here."""
        return "://" in self._lowered or "www." in self._lowered

    def may_have_email(self) -> bool:
        """Say whether there is an at sign, or a bracket in which it may be written out."""
        return "@" in self._text or _WRITTEN_AT.search(self._text) is not None

    def may_have_named(self) -> bool:
        """Say whether a word for logins, banks or plates stands here, and the sign or digit that it needs."""
        lowered = self._lowered
        return (
            _holds_any(lowered, _BICS)
            or (self._digits > 0 and _holds_any(lowered, _PLATES))
            or ((":" in lowered or "=" in lowered) and _holds_any(lowered, _LOGINS))
        )

    def may_have_code(self) -> bool:
        """Say whether a letter touches a digit, or stands before it with a hyphen between."""
        return self._has_code or b"a-0" in self._shape

    def may_have_ledger(self) -> bool:
        """Say whether there are as many letters and digits in a row as an address of a ledger has."""
        return self._digits > 0 and _LEDGER in self._solid

    def may_have_mac(self) -> bool:
        """Say whether the signs of a MAC address are there."""
        shape = self._shape
        if self._digits == 0:
            return False
        return shape.count(b":") >= _MAC_SIGNS or shape.count(b"-") >= _MAC_SIGNS or _DOTTED_MAC in self._solid

    def may_have_ip(self) -> bool:
        """Say whether the signs of an IP address are there."""
        if self._digits == 0:
            return False
        return self._shape.count(b".0") >= _IP_DOTS or self._shape.count(b":") >= _IP_COLONS

    def may_have_iban(self) -> bool:
        """Say whether ten digits stand with nothing between but letters and what groups an IBAN."""
        if self._digits < _IBAN_DIGITS:
            return False
        runs = self._shape.translate(_IBAN_RUNS, _IBAN_SEPARATORS).split()
        return any(run.count(b"0") >= _IBAN_DIGITS for run in runs)

    def may_have_number(self) -> bool:
        """Say whether there are as many digits as the shortest number has."""
        return self._digits >= _NUMBER_DIGITS

    def may_have_national_from_digit(self) -> bool:
        """Say whether digits stand before a letter as in a national number, or as many as the Finnish one has."""
        return self._digits >= _NATIONAL_DIGITS and _holds_any(self._dense(), _FROM_DIGIT)

    def may_have_national_from_letter(self) -> bool:
        """Say whether digits stand between letters as in a national number; the Italian one alternates."""
        if self._digits < _NATIONAL_DIGITS:
            return False
        return b"0a0" in self._shape or _holds_any(self._dense(), _FROM_LETTER)

    def _dense(self) -> bytes:
        return self._shape.translate(None, b" .-")

    def may_have_date(self) -> bool:
        """Say whether a year of this or the last century, or a day, month and year are there."""
        if self._digits == 0:
            return False
        if "19" in self._text or "20" in self._text:
            return True
        dense = self._shape.translate(_DATED, b" ")
        return b"0.0." in dense or b"0.00." in dense


def _holds_any(text: AnyStr, forms: tuple[AnyStr, ...]) -> bool:
    for form in forms:  # noqa: SIM110 `any` over a generator takes twice as long
        if form in text:
            return True
    return False
