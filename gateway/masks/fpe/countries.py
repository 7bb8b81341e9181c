"""How IBANs are made up, by country: those whose account part is digits (the SWIFT IBAN registry, ISO 13616)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """Behind country and check digits: a bank's code, then digits."""

    code: str
    bank: int
    """Characters of the bank's code."""
    account: int
    """Digits behind it: branch, account, the country's own check digits."""
    letters: bool = False
    """The bank's code is of letters."""
    unassigned: str = ""
    """Digits that no bank's code begins with; empty: none is known."""

    @property
    def length(self) -> int:
        """Of the whole IBAN."""
        return len(self.code) + 2 + self.bank + self.account


_ALL: Final = (
    Country(code="AT", bank=5, account=11),
    Country(code="BE", bank=3, account=9),
    Country(code="BG", bank=4, account=14, letters=True),
    Country(code="CH", bank=5, account=12),
    Country(code="CY", bank=3, account=21),
    Country(code="CZ", bank=4, account=16, unassigned="0000"),
    Country(code="DE", bank=8, account=10, unassigned="0"),  # the first digit is a clearing area, 1 to 8
    Country(code="DK", bank=4, account=10),
    Country(code="EE", bank=2, account=14),
    Country(code="ES", bank=4, account=16, unassigned="0000"),
    Country(code="FI", bank=3, account=11),
    Country(code="FR", bank=5, account=18, unassigned="00000"),
    Country(code="GB", bank=4, account=14, letters=True),
    Country(code="GR", bank=3, account=20, unassigned="000"),
    Country(code="HR", bank=7, account=10),
    Country(code="HU", bank=3, account=21, unassigned="000"),
    Country(code="IE", bank=4, account=14, letters=True),
    Country(code="LI", bank=5, account=12),
    Country(code="LT", bank=5, account=11),
    Country(code="LU", bank=3, account=13),
    Country(code="LV", bank=4, account=13, letters=True),
    Country(code="MC", bank=5, account=18),
    Country(code="MT", bank=4, account=23, letters=True),
    Country(code="NL", bank=4, account=10, letters=True),
    Country(code="NO", bank=4, account=7),
    Country(code="PL", bank=8, account=16, unassigned="000"),
    Country(code="PT", bank=4, account=17, unassigned="0000"),
    Country(code="RO", bank=4, account=16, letters=True),
    Country(code="SE", bank=3, account=17, unassigned="000"),
    Country(code="SI", bank=5, account=10),
    Country(code="SK", bank=4, account=16, unassigned="0000"),
)
"""Italy and San Marino have a check letter before the bank's code that tells of the account: they are not offered."""

COUNTRIES: Final[Mapping[str, Country]] = MappingProxyType({country.code: country for country in _ALL})
