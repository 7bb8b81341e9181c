"""The people of the notes and what belongs to them: each is drawn once and then stays."""

from __future__ import annotations

import datetime as dt
import functools
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.quality.hard import identifiers
from tests.quality.hard.identifiers import digits, unaccented

COUNTRY: Final = {"en": "GB", "de": "DE", "fr": "FR", "cs": "CZ", "it": "IT", "es": "ES", "pl": "PL", "nl": "NL"}
MONTHS: Final = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_PHONES: Final = {
    "en": ("44", 10, "7700 7911 7482 1632 1865"),
    "de": ("49", 10, "151 170 176 160 221 341"),
    "fr": ("33", 9, "6 7 1 4"),
    "cs": ("420", 9, "602 777 731 604"),
    "it": ("39", 10, "347 339 320 333"),
    "es": ("34", 9, "612 655 689 91"),
    "pl": ("48", 9, "501 602 693 788"),
    "nl": ("31", 9, "61 62 64"),
}
"""By language: country code, digits of a national number without its trunk 0, and how such numbers start."""
_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example", "post.example", "web.example")
_MATERIAL: Final = Path(__file__).parent / "material"


@functools.cache
def _names() -> dict[str, Any]:
    return json.loads((_MATERIAL / "names.json").read_text(encoding="utf-8"))


@functools.cache
def places() -> dict[str, Any]:
    """Streets, towns with postcodes, institutions and towns alone, by language."""
    return json.loads((_MATERIAL / "places.json").read_text(encoding="utf-8"))


@dataclass(slots=True, kw_only=True)
class Person:
    """One person; what is drawn once stays."""

    first: str
    last: str
    gender: str
    lang: str
    is_foreign: bool
    chance: random.Random
    drawn: dict[str, Any] = field(default_factory=dict)

    def once(self, what: str) -> Any:
        """Draw what belongs to this person, the first time it is asked for."""
        if what not in self.drawn:
            self.drawn[what] = getattr(self, f"_draw_{what}")()
        return self.drawn[what]

    def _draw_born(self) -> dt.date:
        return dt.date(1938, 1, 1) + dt.timedelta(days=self.chance.randrange(68 * 365))

    def _draw_email(self) -> str:
        first, last = (_local(part, self.lang) for part in (self.first, self.last))
        year = f"{self.once('born'):%y}"
        forms = ("{0}.{1}", "{2}.{1}", "{1}.{0}", "{0}_{1}{3}", "{0}{3}", "{2}{1}")
        return self.chance.choice(forms).format(first, last, first[0], year) + "@" + self.chance.choice(_DOMAINS)

    def _draw_address(self) -> tuple[str, str]:
        place = places()[self.lang]
        street, town = self.chance.choice(place["streets"]), self.chance.choice(place["towns"])
        number = self.chance.randint(1, 148)
        match self.lang:
            case "en":
                return f"{number} {street}", town
            case "fr":
                return f"{number}{self.chance.choice((',', ' bis,', '', ''))} {street}", town
            case "it":
                return f"{street}{self.chance.choice((',', ''))} {number}", town
            case "es":
                return f"{street} {number}{self.chance.choice((', 3º B', ', bajo', '', ''))}", town
            case "cs":
                return f"{street} {number}{self.chance.choice((f'/{self.chance.randint(2, 40)}', ''))}", town
            case _:
                return f"{street} {number}{self.chance.choice(('a', '', ''))}", town

    def _draw_iban(self) -> str:
        return identifiers.draw_iban(self.chance, self._country(("AT", "CH", "NL", "PL")))

    def _draw_card(self) -> str:
        return identifiers.draw_card(self.chance)

    def _draw_natid(self) -> str:
        about = {"born": self.once("born"), "gender": self.gender, "first": self.first, "last": self.last}
        return identifiers.draw_national_id(self.chance, COUNTRY[self.lang], **about)

    def _draw_acct(self) -> str:
        match self.lang:
            case "cs":
                prefix, number, bank = identifiers.draw_czech_account(self.chance)
                return f"{prefix.lstrip('0')}-{number}/{bank}" if prefix.strip("0") else f"{number}/{bank}"
            case "en":
                return digits(self.chance, 8)
            case "fr":
                return digits(self.chance, 11)
            case "it":
                return "000" + digits(self.chance, 9)
            case _:
                return digits(self.chance, 10)

    def _draw_phone(self) -> tuple[str, str]:
        """National digits without a trunk 0, and the country code."""
        code, count, starts = _PHONES[self.lang]
        start = self.chance.choice(starts.split())
        return start + digits(self.chance, count - len(start)), code

    def _country(self, others: tuple[str, ...]) -> str:
        return self.chance.choice(others) if self.chance.random() < 0.12 else COUNTRY[self.lang]


def draw_person(chance: random.Random, lang: str, *, gender: str = "", native: bool = False) -> Person:
    """Draw a person: of four one has a name from elsewhere, unless `native`."""
    gender = gender or chance.choice("mf")
    known = _names()
    if not native and chance.random() < 0.25:
        name = chance.choice([name for name, of, _ in known["foreign"] if of == gender])
        first, last = name.rsplit(" ", 1)
        return Person(first=first, last=last, gender=gender, lang=lang, is_foreign=True, chance=chance)
    first = chance.choice(known[lang][gender])
    last = chance.choice(known[lang][f"last_{gender}"])
    if lang == "es" and chance.random() < 0.5:
        last += " " + chance.choice(known[lang]["last_m"])
    return Person(first=first, last=last, gender=gender, lang=lang, is_foreign=False, chance=chance)


def named_person(chance: random.Random, lang: str, given: str) -> Person:
    """The person that a template gives as `First_Last/f`."""
    name, gender = given.split("/")
    first, last = name.split("_", 1)
    return Person(first=first, last=last.replace("_", " "), gender=gender, lang=lang, is_foreign=False, chance=chance)


def _local(part: str, lang: str) -> str:
    return "".join(char for char in plain(part, lang).lower().replace(" ", "") if char.isalnum() or char == "-")


def plain(text: str, lang: str) -> str:
    """Without accents; umlauts as German payment systems write them."""
    return unaccented(text.translate(_GERMAN) if lang == "de" else text)


def row_of(person: Person) -> dict[str, str]:
    """The row of the customer as the core system has it: all that is known, in its own spelling."""
    chance = person.chance
    name, style = f"{person.first} {person.last}", chance.random()
    if style > 0.92:
        name = f"{person.last}, {person.first}"
    elif style > 0.88:
        name = name.upper()
    street, town = person.once("address")
    number, code = person.once("phone")
    return {
        "name": name, "email": person.once("email"), "iban": person.once("iban"), "phone": f"+{code}{number}",
        "address": f"{street}, {town}", "birth_date": person.once("born").isoformat(),
    }  # fmt: skip
