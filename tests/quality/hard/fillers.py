"""What notes hold beside people: amounts, booking dates, references. Nothing of it is personal by itself."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Final

from tests.quality.hard.identifiers import digits
from tests.quality.hard.people import MONTHS, places

_FIRST_DAY: Final = dt.date(2023, 1, 2)


def fill(chance: random.Random, lang: str, what: str) -> str:
    """Draw one filler: amt, d, dm, my, year, time, inv, contract, n3 … n8, l4, pct, org or town."""
    if what[0] == "n" and what[1:].isdigit():
        return digits(chance, int(what[1:]))
    return _FILLERS[what](chance, lang)


def _day(chance: random.Random) -> dt.date:
    return _FIRST_DAY + dt.timedelta(days=chance.randrange(1000))


def _date(chance: random.Random, lang: str) -> str:
    return _day(chance).strftime("%d.%m.%Y" if lang in {"de", "cs"} else "%d/%m/%Y")


def _day_and_month(chance: random.Random, lang: str) -> str:
    day = _day(chance)
    form = {"de": "{}. {}", "cs": "{}. {}", "es": "{} de {}"}.get(lang, "{} {}")
    return form.format(day.day, MONTHS[lang].split()[day.month - 1])


def _time(chance: random.Random, _: str) -> str:
    return f"{chance.randint(8, 18)}:{chance.choice(('05', '15', '20', '40', '55'))}"


def _invoice(chance: random.Random, _: str) -> str:
    return f"{chance.choice(('RE', 'INV', 'FA', 'F'))}-{_day(chance).year}-{digits(chance, 5)}"


def _contract(chance: random.Random, _: str) -> str:
    return f"{chance.choice(('V', 'K', 'CR'))}{digits(chance, 3)}.{digits(chance, 3)}-{chance.randint(10, 99)}"


def _percent(chance: random.Random, lang: str) -> str:
    return f"{chance.randint(1, 6)}{'.' if lang == 'en' else ','}{chance.randint(10, 95)}"


def _amount(chance: random.Random, lang: str) -> str:
    whole, cents = chance.randint(12, 9800), chance.choice((0, 50, 99, chance.randint(1, 99)))
    if lang == "en":
        return f"£{whole:,}.{cents:02d}"
    grouped = f"{whole:,}".replace(",", " " if lang in {"fr", "cs"} else ".")
    return f"{grouped},{cents:02d} {'Kč' if lang == 'cs' else chance.choice(('EUR', '€'))}"


_FILLERS: Final[dict[str, Callable[[random.Random, str], str]]] = {
    "amt": _amount,
    "d": _date,
    "dm": _day_and_month,
    "my": lambda chance, _: f"{_day(chance):%m/%Y}",
    "year": lambda chance, _: str(_day(chance).year),
    "time": _time,
    "inv": _invoice,
    "contract": _contract,
    "l4": lambda chance, _: digits(chance, 4),
    "pct": _percent,
    "org": lambda chance, lang: chance.choice(places()[lang]["orgs"]),
    "town": lambda chance, lang: chance.choice(places()[lang]["alone"]),
}
