"""Identifiers with valid check digits, drawn from a given source of chance; python-stdnum confirms each."""

from __future__ import annotations

import datetime as dt
import random
import string
import unicodedata
from collections.abc import Callable
from typing import Final

from stdnum import iban, luhn
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.es import ccc, dni, nie
from stdnum.fr import nir
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel

Chance = random.Random
_LETTERS: Final = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "đ": "d", "Đ": "D", "ø": "o", "ı": "i", "æ": "ae"})


def digits(chance: Chance, count: int) -> str:
    """Draw `count` digits, the first not 0."""
    return chance.choice("123456789") + "".join(chance.choices(string.digits, k=count - 1))


def draw_iban(chance: Chance, country: str) -> str:
    """Draw a valid IBAN of AT, CH, CZ, DE, ES, FR, GB, IT, NL or PL, compact."""
    bban = _BBAN[country](chance)
    number = int("".join(str(int(char, 36)) for char in bban + country + "00"))
    return iban.validate(f"{country}{98 - number % 97:02d}{bban}")


def _fr_bban(chance: Chance) -> str:
    bank = chance.choice(("30004", "30003", "20041", "10278", "18206"))
    branch, account = digits(chance, 5), digits(chance, 11)
    return f"{bank}{branch}{account}{97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97:02d}"


def _weighted(chance: Chance, weights: tuple[int, ...]) -> str:
    while True:
        text = digits(chance, len(weights))
        if sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True)) % 11 == 0:
            return text


def draw_czech_account(chance: Chance) -> tuple[str, str, str]:
    """Draw prefix, number and bank code of a Czech account."""
    return (
        _weighted(chance, (10, 5, 8, 4, 2, 1)) if chance.random() < 0.5 else "000000",
        _weighted(chance, (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)),
        chance.choice(("0800", "0100", "2010", "5500", "0300")),
    )


def _cz_bban(chance: Chance) -> str:
    prefix, number, bank = draw_czech_account(chance)
    return bank + prefix + number


def _es_bban(chance: Chance) -> str:
    bank, account = chance.choice(("2100", "0049", "0182", "2038")) + digits(chance, 4), digits(chance, 10)
    return bank + ccc.calc_check_digits(f"{bank}00{account}") + account


_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _it_bban(chance: Chance) -> str:
    body = chance.choice(("03069", "02008", "05034", "01030")) + digits(chance, 5) + "000" + digits(chance, 9)
    total = sum(_ODD[int(char)] if at % 2 == 0 else int(char) for at, char in enumerate(body))
    return chr(ord("A") + total % 26) + body


def _letters(chance: Chance, count: int) -> str:
    return "".join(chance.choices(string.ascii_uppercase, k=count))


_BBAN: Final[dict[str, Callable[[Chance], str]]] = {
    "AT": lambda chance: digits(chance, 16),
    "CH": lambda chance: digits(chance, 17),
    "CZ": _cz_bban,
    "DE": lambda chance: chance.choice(("37040044", "50010517", "10050000", "70150000")) + digits(chance, 10),
    "ES": _es_bban,
    "FR": _fr_bban,
    "GB": lambda chance: chance.choice(("BARC", "NWBK", "LOYD", "MIDL")) + digits(chance, 14),
    "IT": _it_bban,
    "NL": lambda chance: chance.choice(("INGB", "RABO", "ABNA")) + "0" + _weighted(chance, (9, 8, 7, 6, 5, 4, 3, 2, 1)),
    "PL": lambda chance: digits(chance, 24),
}


def draw_card(chance: Chance) -> str:
    """Draw a card number of 16 digits of Visa or Mastercard (both series)."""
    body = chance.choice(("4", "51", "53", "55", "2223", "2610"))
    body += "".join(chance.choices(string.digits, k=15 - len(body)))
    return luhn.validate(body + luhn.calc_check_digit(body))


def draw_national_id(chance: Chance, country: str, *, born: dt.date, gender: str, first: str, last: str) -> str:
    """Draw the national number of CZ, DE, ES, FR, GB, IT, NL or PL that fits the person, compact."""
    match country:
        case "CZ":
            return _birth_number(chance, born, gender)
        case "DE":
            return _tax_id(chance)
        case "ES":
            number = digits(chance, 8)
            if chance.random() < 0.25:
                body = chance.choice("XYZ") + number[:7]
                return nie.validate(body + nie.calc_check_digit(body))
            return dni.validate(number + dni.calc_check_digit(number))
        case "FR":
            place = f"{chance.choice((75, 69, 13, 33, 59, 44))}{chance.randint(1, 300):03d}"
            body = f"{1 if gender == 'm' else 2}{born:%y%m}{place}{chance.randint(1, 600):03d}"
            return nir.validate(body + nir.calc_check_digits(body))
        case "IT":
            return _fiscal_code(chance, born, gender, first=first, last=last)
        case "NL":
            return bsn.validate(_bsn(chance))
        case "PL":
            century = 0 if born.year < 2000 else 20
            odd = chance.choice("13579" if gender == "m" else "02468")
            body = f"{born:%y}{born.month + century:02d}{born:%d}{digits(chance, 3)}{odd}"
            return pesel.validate(body + pesel.calc_check_digit(body))
        case _:
            prefix = chance.choice(("AB", "CE", "JK", "NR", "PT", "SL", "WM", "YZ"))
            return f"{prefix}{digits(chance, 6)}{chance.choice('ABCD')}"


def _birth_number(chance: Chance, born: dt.date, gender: str) -> str:
    month = born.month + (50 if gender == "f" else 0)
    while True:
        text = f"{born:%y}{month:02d}{born:%d}{digits(chance, 4)}"
        if rc.is_valid(text):
            return text


def _tax_id(chance: Chance) -> str:
    while True:
        chosen = chance.sample(string.digits, 9)
        chosen.insert(chance.randrange(10), chance.choice(chosen))
        body = "".join(chosen)
        if body[0] != "0" and idnr.is_valid(body + mod_11_10.calc_check_digit(body)):
            return body + mod_11_10.calc_check_digit(body)


def _bsn(chance: Chance) -> str:
    while True:
        text = digits(chance, 9)
        if bsn.is_valid(text):
            return text


def _fiscal_code(chance: Chance, born: dt.date, gender: str, *, first: str, last: str) -> str:
    def letters(name: str) -> tuple[str, str]:
        plain = "".join(char for char in unaccented(name).upper() if char in string.ascii_uppercase)
        return "".join(c for c in plain if c not in "AEIOU"), "".join(c for c in plain if c in "AEIOU")

    consonants, vowels = letters(last)
    body = (consonants + vowels + "XXX")[:3]
    consonants, vowels = letters(first)
    if len(consonants) > 3:
        consonants = consonants[0] + consonants[2:]
    body += (consonants + vowels + "XXX")[:3]
    day = born.day + (40 if gender == "f" else 0)
    place = chance.choice(("H501", "F205", "L219", "F839", "D612"))
    body += f"{born:%y}{'ABCDEHLMPRST'[born.month - 1]}{day:02d}{place}"
    return codicefiscale.validate(body + codicefiscale.calc_check_digit(body))


def unaccented(text: str) -> str:
    """Write with plain Latin letters, as payment systems do; ü becomes u here and ue in `people.plain`."""
    return "".join(c for c in unicodedata.normalize("NFD", text.translate(_LETTERS)) if not unicodedata.combining(c))
