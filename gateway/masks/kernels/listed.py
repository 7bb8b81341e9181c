"""Values that a policy lists: one for all rows, or what stands for each value."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.keep import keep
from gateway.masks.kernel import MaskInputs
from gateway.terms.mask_spec import constant_of

OTHER: Final = "other"


def constant(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The same value in every row, so that not even the places of nulls are told."""
    value = constant_of(inputs.parameters.get("value"), column.type)
    if value is None:
        raise Integrity("constant needs a value of the column's type", code="masks.parameters")
    return keep(pa.repeat(value, len(column)), inputs)


def generalize(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Replace each text by what the `table` has for it at `level`, the first being 1.

    A text that is not in the table becomes null, or `other` where `unknown` says so. A null stays null.
    """
    table, level = inputs.table("table"), inputs.parameters.get("level", 1)
    if not isinstance(level, int) or isinstance(level, bool) or not all(1 <= level <= len(up) for up in table.values()):
        raise Integrity("generalize needs a table and one of its levels", code="masks.parameters")
    above = pa.array([up[level - 1] for up in table.values()], column.type)
    known = pc.index_in(column, value_set=pa.array(list(table), column.type), skip_nulls=True)
    found = above.take(known)
    if inputs.parameters.get("unknown") == OTHER:
        found = pc.if_else(pc.and_(column.is_valid(), known.is_null()), pa.scalar(OTHER, column.type), found)
    return keep(found, inputs)
