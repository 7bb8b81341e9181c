"""Labelled tables as legacy core systems have them: 300 rows each, drawn from the table's name alone.

material/tables.txt says of each column its name, what fills it and its label, and which other labels a careful
reviewer would accept too (a street alone: quasi-identifier or direct).
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.quality.hard import identifiers
from tests.quality.hard.identifiers import digits
from tests.quality.hard.notes import build, templates
from tests.quality.hard.people import COUNTRY, Person, draw_person
from tests.quality.hard.spelling import spell

Value = str | int | float | bool | Decimal | dt.date | dt.datetime | None
LABELS: Final = ("direct_identifier", "quasi_identifier", "sensitive", "free_text", "public")
ROWS: Final = 300
_SPEC: Final = Path(__file__).parent / "material" / "tables.txt"
_REQUIRED: Final = frozenset({"custno", "txnid", "contract", "last", "last.up", "currency", "amount", "status", "mcc"})
"""Kinds that are never null; of the others each column has its own share of nulls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column with its label."""

    name: str
    kind: str
    """What fills it: a note for readers, never an input of the classifier."""
    label: str
    accepted: frozenset[str]
    """The label and those that a careful reviewer would accept too."""
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of ROWS rows."""

    name: str
    lang: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """What the values of one row are drawn from."""

    person: Person
    other: Person
    chance: random.Random


def tables() -> Iterator[Table]:
    """Draw all tables; equal on every call."""
    for section in _SPEC.read_text(encoding="utf-8").split("\n## ")[1:]:
        head, *lines = section.strip().splitlines()
        name, lang = head.split()
        rows = tuple(_row(name, lang, number) for number in range(ROWS))
        yield Table(name=name, lang=lang, columns=tuple(_column(name, line, rows) for line in lines))


def _row(table: str, lang: str, number: int) -> _Row:
    chance = random.Random(f"hard-set/{table}/{number}")
    return _Row(draw_person(chance, lang), draw_person(chance, lang), chance)


def _column(table: str, line: str, rows: tuple[_Row, ...]) -> Column:
    name, kind, label, *also = line.split()
    chance = random.Random(f"hard-set/{table}/{name}")
    null_share = 0.0 if kind in _REQUIRED else chance.choice((0.0, 0.02, 0.1, 0.35))
    values = _notes(rows, kind) if kind in {"note", "ref"} else (_value(kind, row) for row in rows)
    kept = tuple(None if chance.random() < null_share else value for value in values)
    return Column(name=name, kind=kind, label=label, accepted=frozenset({label, *also}), values=kept)


def _notes(rows: tuple[_Row, ...], kind: str) -> Iterator[Value]:
    """Notes of staff, or payment references; uses beyond those of notes.jsonl."""
    lang = rows[0].person.lang
    of_kind = [t for t in templates(lang) if ("payment_ref" in t.traits) == (kind == "ref")]
    for number, row in enumerate(rows):
        yield str(build(row.chance.choice(of_kind), 1000 + number)["text"])


def _value(kind: str, row: _Row) -> Value:
    """One value: a kind by name, a choice of codes, or what `spelling` spells of a person."""
    if kind in _CODES:
        return row.chance.choice(_CODES[kind].split("|"))
    if kind in _DRAWN:
        return _DRAWN[kind](row)
    what, *how = kind.split(".")
    if what == "other":
        return spell(row.other, ["name", *how])
    return spell(row.person, [what, *how])


def _recent(row: _Row) -> dt.date:
    return dt.date(2014, 1, 1) + dt.timedelta(days=row.chance.randrange(4300))


def _moment(row: _Row) -> dt.datetime:
    return dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=row.chance.randrange(27_000_000))


def _town(row: _Row) -> tuple[str, str]:
    """Postcode and town of the person."""
    text, lang = row.person.once("address")[1], row.person.lang
    words = text.split(" ")
    in_two = 2 if lang in {"cs", "nl"} else 1
    if lang == "en":
        return " ".join(words[1:]), words[0]
    return " ".join(words[:in_two]), " ".join(words[in_two:])


def _money(row: _Row, middle: int) -> Decimal:
    return Decimal(round(row.chance.lognormvariate(0, 0.8) * middle * 100)) / 100


def _born(row: _Row) -> dt.date:
    born: dt.date = row.person.once("born")
    return born


_DRAWN: Final[dict[str, Callable[[_Row], Value]]] = {
    "custno": lambda row: digits(row.chance, 9),
    "txnid": lambda row: int(digits(row.chance, 14)),
    "contract": lambda row: f"{digits(row.chance, 4)}-{digits(row.chance, 6)}/{row.chance.randint(10, 25)}",
    "ymd_birth": lambda row: int(_born(row).strftime("%Y%m%d")),
    "date_birth": _born,
    "birth": lambda row: _born(row).isoformat(),
    "slash_birth": lambda row: _born(row).strftime("%d/%m/%Y"),
    "ymd_recent": lambda row: int(_recent(row).strftime("%Y%m%d")),
    "date_recent": _recent,
    "timestamp": _moment,
    "address": lambda row: ", ".join(row.person.once("address")),
    "zipcity": lambda row: row.person.once("address")[1],
    "postcode": lambda row: _town(row)[0],
    "postcode_en": lambda row: _town(row)[0],
    "city": lambda row: _town(row)[1],
    "salutation": lambda row: {"m": "1", "f": "2"}[row.person.gender],
    "sex": lambda row: row.person.gender.upper(),
    "initials": lambda row: "".join(f"{word[0]}." for word in row.person.first.split()),
    "other_iban": lambda row: row.other.once("iban"),
    "staff": lambda row: f"{row.other.last[:4].upper()}{row.chance.randint(1, 9):02d}",
    "income": lambda row: _money(row, 2400),
    "amount": lambda row: _money(row, 60) * row.chance.choice((1, -1)),
    "balance": lambda row: _money(row, 5200) * row.chance.choice((1, 1, 1, -1)),
    "loan": lambda row: _money(row, 90_000).quantize(Decimal(100)),
    "rate": lambda row: round(row.chance.uniform(0.9, 8.4), 3),
    "term": lambda row: row.chance.choice((12, 24, 36, 48, 60, 84, 120, 180, 240, 300)),
    "children": lambda row: row.chance.choice((0, 0, 1, 1, 2, 3, 4)),
    "flag": lambda row: "Y" if row.chance.random() < 0.08 else "N",
    "last4": lambda row: digits(row.chance, 4),
    "ip": lambda row: ".".join(str(row.chance.randint(1, 254)) for _ in range(4)),
    "uuid": lambda row: str(uuid.UUID(int=row.chance.getrandbits(128), version=4)),
    "branchcode": lambda row: f"{row.chance.choice((103, 117, 204, 260, 311, 408)):05d}",
    "bic": lambda row: row.chance.choice(("COBADEFFXXX", "DEUTDEDBBER", "INGDDEFFXXX", "BYLADEM1001", "GENODEF1S02")),
    "mcc": lambda row: row.chance.choice((5411, 5541, 5812, 4111, 5999, 4814, 7011)),
    "iban": lambda row: identifiers.draw_iban(row.chance, COUNTRY[row.person.lang]),
}
_CODES: Final = {
    "marital_de": "LED|VH|GESCH|VW|ELP",
    "marital_fr": "C|M|D|V|P",
    "marital_es": "SOL|CAS|DIV|VIU",
    "faith_de": "RK|EV|--|OA|IS",
    "job_de": "Angestellte|Maurer|Lehrerin|Rentner|Arzt|Beamter|Studentin|Landwirt",
    "job_en": "NURSE|DRIVER|RETIRED|CLERK|ENGINEER|SELF-EMP|TEACHER|CARER",
    "job_fr": "cadre|ouvrier|retraité|artisan|employée|profession libérale",
    "ethnic_en": "WB|WO|AI|AP|BC|BA|MX|ND",
    "health_cs": "111|201|205|207|211|213",
    "health_nl": "geen|35-80|80-100|WIA|IVA",
    "education_pl": "podstawowe|średnie|wyższe|zawodowe",
    "nationality": "IT|RO|AL|MA|UA|SK|VN|DE|CZ",
    "rating": "A1|A2|B1|B2|C1|C2|D",
    "currency": "EUR|EUR|EUR|USD|GBP|CHF|CZK|PLN",
    "txncode": "00|05|51|54|61|116|177",
    "status": "A|A|A|C|D",
    "language": "DE|DE|EN|TR|PL",
    "segment": "RETAIL|RETAIL|AFFL|SME|YOUTH",
    "product": "CTA01|CTA02|NOM10|JOV03|AHO77",
    "purpose_fr": "RESPRI|TRAVAUX|AUTO|ETUDES|LOCATIF",
    "merchant_en": "TESCO STORES 2231|SHELL FILLING STN|AMZNMKTPLACE|TFL TRAVEL CH|GREGGS PLC|CO-OP GROUP 070",
}
