"""Columns of numbers: by name where it says something, else by their form. A number's class is seldom sure."""

from __future__ import annotations

import itertools
import statistics
from typing import Final

from gateway.recognition.columns.guess import Guess, direct, named, public, quasi, sensitive
from gateway.recognition.columns.naming import LIKELY, Meaning
from gateway.recognition.columns.shape import Shape

_COUNTED: Final = frozenset(["identifier", "customer", "account", "card", "contract", "staff", "person"])
"""Kinds that a name makes of a role: such a name may also head a count or an amount of the thing."""
_WORDS: Final = frozenset(
    ["person", "first_name", "last_name", "birth_name", "email", "address", "employer", "city", "iban", "ip", "mac"]
)
"""Kinds whose values are never plain numbers."""
_LONG_KINDS: Final = frozenset(["national_id", "document", "phone", "plate"])
"""Kinds whose numbers are long: `dni` are days in Polish."""
_LONG_FROM: Final = 5
_MONEY: Final = frozenset(["amount", "balance", "income", "debt", "wealth", "fee"])
_SMALL: Final = 1_000
_UNSURE: Final = 0.55
_MONEY_PLACES: Final = 2
_GEO_PLACES: Final = 4
_ID_FROM: Final = 10_000
_LONG: Final = 7
"""Digits of an identifier that no sum of money of every customer has."""


def numeric(shape: Shape, meaning: Meaning | None) -> Guess:
    """Classify a column whose values are all numbers."""
    if meaning is not None and (guess := _named(shape, meaning)) is not None:
        return guess
    return _unnamed(shape)


def _named(shape: Shape, meaning: Meaning) -> Guess | None:
    kind = meaning.kind
    if kind == "address":
        return quasi("house_number", 0.7, f"name:{kind}")
    if meaning.classification == "free_text" or kind in _WORDS:
        # `reference`, `name`: numbers there are somebody's numbers more often than nobody's.
        return direct("identifier", 0.6, f"name:{kind}") if _is_identifying(shape) and not shape.is_few else None
    if meaning.classification == "direct_identifier":
        return _identifier(shape, meaning)
    if kind == "row_id":
        return _row_id(shape, meaning)
    if kind in _MONEY and _is_number_of(shape, meaning):
        return direct("identifier", 0.6, f"name:{kind}")
    if meaning.classification == "public":
        return _public(shape, meaning)
    return named(meaning, confidence=0.7) if kind == "age" and not _is_age(shape) else named(meaning)


def _is_number_of(shape: Shape, meaning: Meaning) -> bool:
    """Say whether a name of money heads identifiers: seldom a nought in front, or all of one length and none twice.

    Sums that a mainframe padded to one length begin with noughts more often than not.
    """
    padded = sum(value[0] == "0" and value.isdigit() and len(value) > 1 for value in shape.sample)
    if padded:
        return padded < len(shape.sample) / 2
    is_unique = _is_identifying(shape) and shape.share > 0.9  # noqa: PLR2004 sums of money repeat
    return is_unique and (meaning.has("number") or {len(value) >= _LONG for value in shape.sample} == {True})


def _public(shape: Shape, meaning: Meaning) -> Guess:
    """A count, a rate, a code of an office: public if the numbers may be that."""
    if meaning.kind in {"timestamp", "organisation", "category", "status"} and _has_cents(shape):
        return sensitive("amount", 0.6, f"name:{meaning.kind}")
    if meaning.kind in {"timestamp", "duration"} and (year := _years(shape)) is not None and year.kind == "birth_year":
        return year
    if meaning.kind == "timestamp":
        return named(meaning, confidence=_UNSURE, kind="duration")  # `months_since_…`: no dates
    return named(meaning, confidence=0.65) if meaning.is_partly else named(meaning)


def _identifier(shape: Shape, meaning: Meaning) -> Guess:
    """The name promises an identifier: numbers that repeat a few values, or have cents, are none."""
    if meaning.kind in _LONG_KINDS and not meaning.has("number") and max(map(len, shape.sample)) < _LONG_FROM:
        return _unnamed(shape)
    if meaning.kind in _COUNTED and _has_cents(shape):
        return sensitive("amount", 0.65, f"name:{meaning.kind}")
    most = max(map(abs, shape.numbers), default=0)
    if shape.distinct > 1 and shape.is_few and most < _SMALL:
        return public("count", 0.6, f"name:{meaning.kind}")
    if meaning.kind in _COUNTED and not meaning.has("number") and meaning.confidence < LIKELY and most < _ID_FROM:
        return _unnamed(shape)  # `open_accounts`: the thing alone, counted or dated
    return named(meaning)


def _row_id(shape: Shape, meaning: Meaning) -> Guess:
    """`id`, `txn_no`, `code`: a number of the row, of a category, or an amount that the record is named for."""
    if _has_cents(shape):
        return sensitive("amount", 0.65, "name:record")
    return public("category", 0.6, "values:few") if shape.is_few else named(meaning)


def _unnamed(shape: Shape) -> Guess:
    numbers = shape.numbers
    if not numbers:
        return public("number", 0.5, "type:number")
    if _is_flag(shape):
        return public("flag", 0.6, "values:two")
    if _is_location(shape):
        return quasi("location", 0.6, "values:degrees")
    if shape.is_few:
        return public("category", 0.6, "values:few")
    if _has_cents(shape):
        # An unknown sum of money is masked until somebody looks.
        return sensitive("amount", _UNSURE, "values:money")
    if any(not number.is_integer() for number in numbers):
        return public("number", _UNSURE, "type:number")
    return _whole(shape)


def _years(shape: Shape) -> Guess | None:
    """Years as numbers: of birth, or of something else."""
    if min(shape.numbers) < 1900 or max(shape.numbers) > 2100:  # noqa: PLR2004 years
        return None
    is_wide = max(shape.numbers) - min(shape.numbers) > 25  # noqa: PLR2004 see temporal
    is_birth = is_wide and statistics.median(shape.numbers) < 1995 and max(shape.numbers) < 2015  # noqa: PLR2004
    return quasi("birth_year", 0.6, "values:years") if is_birth else public("year", 0.6, "values:years")


def _whole(shape: Shape) -> Guess:
    numbers = shape.numbers
    if (year := _years(shape)) is not None:
        return year
    if _is_row_number(shape):
        return public("row_id", _UNSURE, "values:counted")
    if _is_identifying(shape):
        return direct("identifier", 0.5, "values:unique")
    if _is_age(shape) and shape.distinct > 30:  # noqa: PLR2004 people of all ages
        return quasi("age", _UNSURE, "values:age")
    if max(map(abs, numbers)) >= _SMALL:
        return sensitive("amount", _UNSURE, "values:money")
    if min(numbers) >= 300 and max(numbers) <= 999 and shape.distinct > 100:  # noqa: PLR2004 credit scores run from 300
        return sensitive("risk", _UNSURE, "values:score")
    return public("number", _UNSURE, "type:number")


def _is_flag(shape: Shape) -> bool:
    return set(shape.numbers) <= {0.0, 1.0}


def _is_location(shape: Shape) -> bool:
    """Degrees with four places are a house; three hundred values are enough to see a country's range."""
    if shape.is_few or not all(-180 <= number <= 180 for number in shape.numbers):  # noqa: PLR2004 degrees
        return False
    places = statistics.median(_places(value) for value in shape.sample)
    spread = max(shape.numbers) - min(shape.numbers)
    # Standardised features have many places too, and lie around nought.
    return places >= _GEO_PLACES and spread > 0.01 and abs(statistics.median(shape.numbers)) > 3  # noqa: PLR2004


def _has_cents(shape: Shape) -> bool:
    """Money in a type that may have cents: never more than two places, and sums beyond rates."""
    if shape.is_whole or shape.is_few:
        return False
    places = [_places(value) for value in shape.sample]
    most = max(map(abs, shape.numbers), default=0)
    if max(places) > _MONEY_PLACES:
        return False
    if sum(p > 0 for p in places) > len(places) / 3:
        return most > 100  # noqa: PLR2004 rates and percentages lie below
    return shape.family == "number" and most >= _SMALL and _is_round(shape)


def _is_round(shape: Shape) -> bool:
    """Sums of money end in noughts; identifiers that came as floats do not."""
    return sum(number % 100 == 0 for number in shape.numbers) > len(shape.numbers) / 5


def _places(value: str) -> int:
    return len(value.partition(".")[2].rstrip("0"))


def _is_age(shape: Shape) -> bool:
    numbers = shape.numbers
    return bool(numbers) and min(numbers) >= 14 and 40 < max(numbers) <= 115  # noqa: PLR2004 customers' ages


def _is_row_number(shape: Shape) -> bool:
    """Every row its own number, hardly a gap: counted by the database."""
    numbers = sorted(shape.numbers)
    if shape.share < 0.999 or len(numbers) < 5:  # noqa: PLR2004 all unique
        return False
    gaps = [after - before for before, after in itertools.pairwise(numbers)]
    return statistics.median(gaps) <= 2  # noqa: PLR2004 counted by one, with rows deleted


def _is_identifying(shape: Shape) -> bool:
    """Large whole numbers of nearly one length that seldom repeat, or that repeat without being round."""
    numbers = shape.numbers
    if not numbers or min(numbers) < 0 or max(numbers) < _ID_FROM or not all(n.is_integer() for n in numbers):
        return False
    lengths = {len(value) for value in shape.sample}
    is_round = sum(number % 100 == 0 for number in numbers) > len(numbers) / 20
    if max(lengths) < _LONG and _begin_small(numbers):
        return False
    return not is_round and (len(lengths) == 1 or (shape.share > 0.95 and min(numbers) >= _SMALL and len(lengths) <= 3))  # noqa: PLR2004


def _begin_small(numbers: tuple[float, ...]) -> bool:
    """Sums of money over more than one order begin with 1, 2 or 3 mostly (Benford); numbers that are drawn do not."""
    small = sum(str(int(number))[0] in "123" for number in numbers) / len(numbers)
    return small > 0.5 and max(numbers) > 3 * min(numbers)  # noqa: PLR2004 a third of drawn numbers do
