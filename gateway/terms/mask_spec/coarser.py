"""Masks that show less of a value, or all of it, or nothing; none needs a key for that."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from gateway.terms.mask_spec.constants import constant_of
from gateway.terms.mask_spec.parameters import Plain, Table, Whole, Word
from gateway.terms.mask_spec.spec import ALL, MaskSpec, Parameters, Variant

MAX_SHOWN: Final = 16
MAX_WIDTH: Final = 64


def _half_or_less(parameters: Parameters) -> str | None:
    shown, width = parameters["n"], parameters["width"]
    if isinstance(shown, int) and isinstance(width, int) and 0 < width < 2 * shown:
        return f"a width is 0, for each text's own, or at least twice n, from {2 * shown} to {MAX_WIDTH}"
    return None


def _one_chain(parameters: Parameters) -> str | None:
    """Each level MUST be made of whole groups of the level before, or two levels tell more than either."""
    table, level = parameters["table"], parameters["level"]
    rows = [row[1] for row in table if isinstance(row, tuple)] if isinstance(table, tuple) else []
    count = len(rows[0]) if rows else 0
    if not isinstance(level, int) or level > count:
        return f"the table has {count} levels"
    for place in range(1, count):
        above: dict[str, str] = {}
        for groups in rows:
            if above.setdefault(groups[place - 1], groups[place]) != groups[place]:
                return f"level {place + 1} of the table splits a group of level {place}"
    if all(row[0] == row[1][level - 1] for row in table if isinstance(row, tuple)):  # type: ignore[union-attr]  # a table
        return f"level {level} of the table leaves every text as it is: give it groups"
    return None


def _typed(parameters: Parameters, kind: pa.DataType) -> str | None:
    return None if constant_of(parameters["value"], kind) is not None else f"value is none of {kind}"


_SHOWN: Final = {
    "n": Whole(means="characters shown, of texts of at least twice as many", minimum=1, maximum=MAX_SHOWN),
    "width": Whole(
        means=f"length of every result, up to {MAX_WIDTH}; 0: each text's own", minimum=0, maximum=MAX_WIDTH, default=0
    ),
}
_OWN_WIDTH: Final = Variant(parameter="width", values=frozenset({0}), leaks=frozenset({"length"}))

COARSER: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="keep",
        does="The value as it is.",
        accepts=ALL,
        parameters={},
        output="same",
        keyed=False,
        leaks=frozenset(
            {"null", "equality", "frequency", "order", "length", "format", "part", "range", "interval", "value"}
        ),
    ),
    MaskSpec(
        name="redact",
        does="Null in every row; the column is not read.",
        accepts=ALL,
        parameters={},
        output="same",
        keyed=False,
        leaks=frozenset(),
    ),
    MaskSpec(
        name="constant",
        does="The same `value` in every row, nulls among them; the column is not read.",
        accepts=frozenset({"string", "integer", "decimal", "float", "date", "boolean"}),
        parameters={"value": Plain(means="what stands in every row")},
        output="same",
        keyed=False,
        leaks=frozenset(),
        misfit=_typed,
    ),
    MaskSpec(
        name="generalize",
        does="What the `table` has for a text at a `level`, the first being 1. A text that is not in the table: null,"
        " or the word other.",
        accepts=frozenset({"string"}),
        parameters={
            "table": Table(means="the groups of each text, from the finest to the coarsest"),
            "level": Whole(means="which of the groups", minimum=1, maximum=16, default=1),
            "unknown": Word(
                means="what becomes of a text that is not in the table", words=("redact", "other"), default="redact"
            ),
        },
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "range"}),
        check=_one_chain,
    ),
    MaskSpec(
        name="keep_first",
        does="The first `n` characters, then stars; only stars for texts of less than 2n.",
        accepts=frozenset({"string"}),
        parameters=_SHOWN,
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "order", "part"}),
        variants=(_OWN_WIDTH,),
        check=_half_or_less,
    ),
    MaskSpec(
        name="keep_last",
        does="Stars, then the last `n` characters; only stars for texts of less than 2n.",
        accepts=frozenset({"string"}),
        parameters=_SHOWN,
        output="same",
        keyed=False,
        leaks=frozenset({"null", "equality", "frequency", "part"}),
        variants=(_OWN_WIDTH,),
        check=_half_or_less,
    ),
)
