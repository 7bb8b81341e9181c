"""Columns for the tests, filled with values that carry right check digits."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from gateway.recognition.columns import classify_table
from gateway.terms.recognition import ColumnVerdict, SampledColumn, SampledTable

ROWS = 200
_FIRST = """
Anna Peter Marie Hans Julia Thomas Sophie Martin Laura Paul Claire Lucas Eva Jan Petra Pavel Giulia Marco Elena
"""
_LAST = """
Schneider Fischer Weber Meyer Wagner Becker Dupont Martin Bernard Dubois Rossi Ferrari Esposito Novotny Svoboda Dvorak
Garcia Fernandez Smith Jones Taylor Brown Kowalski Nowak
"""
FIRST, LAST = _FIRST.split(), _LAST.split()


def column(
    name: str, values: Sequence[object], *, declared: pa.DataType | None = None, **more: object
) -> SampledColumn:
    texts = tuple(None if value is None else str(value) for value in values)
    return SampledColumn(name=name, type=declared or pa.string(), values=texts, **more)


def classify(*columns: SampledColumn, name: str = "t", **more: object) -> list[ColumnVerdict]:
    return classify_table(SampledTable(name=name, columns=columns), **more)


def verdict(name: str, values: Sequence[object], **more: object) -> ColumnVerdict:
    """Of one column alone."""
    return classify(column(name, values, **more))[0]


def chance(seed: int = 5) -> random.Random:
    return random.Random(seed)


def numbers(length: int, rows: int = ROWS) -> list[str]:
    draw = chance(length)
    return [str(draw.randint(10 ** (length - 1), 10**length - 1)) for _ in range(rows)]


def cards(rows: int = ROWS) -> list[str]:
    return [(f"4{number}") + luhn.calc_check_digit(f"4{number}") for number in numbers(14, rows)]


def ibans(rows: int = ROWS) -> list[str]:
    return [f"DE{mod_97_10.calc_check_digits(number + 'DE')}{number}" for number in numbers(18, rows)]


def people(rows: int = ROWS) -> list[str]:
    draw = chance()
    return [f"{draw.choice(FIRST)} {draw.choice(LAST)}" for _ in range(rows)]


def births(rows: int = ROWS) -> list[str]:
    draw = chance()
    return [f"{draw.randint(1940, 2003)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}" for _ in range(rows)]


def recent(rows: int = ROWS) -> list[str]:
    draw = chance()
    return [f"{draw.randint(2019, 2025)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}" for _ in range(rows)]
