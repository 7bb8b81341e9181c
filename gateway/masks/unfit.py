"""Values that do not have their mask's format: a null, a pseudonym or an error in their place, never the value."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Mask, text, text_parts
from gateway.masks.keep import keep
from gateway.masks.kernel import MaskInputs
from gateway.masks.pseudonyms.forms import WIDTHS
from gateway.masks.pseudonyms.pseudonym import short_pseudonyms

MARK: Final = ord("~")
"""Begins a pseudonym that stands for such a value: no mask's format has it, so it is not taken for one that fits."""


def finished(made: pa.Array, fits: Mask, given: pa.Array, inputs: MaskInputs, *, valid: Mask | None) -> pa.Array:
    """All rows of a column, from what was made of its values.

    Args:
        made: a string for each value that fits; offset 0, nothing hidden in its buffers.
        fits: which of the given values do.
        given: the column's values, without nulls.
        inputs: its parameter `on_bad` says what stands for the others.
        valid: which rows have a value; None: all.

    Raises:
        Integrity: a value does not fit, and the policy asks for an error then.
    """
    if fits.all():
        return made if valid is None else _spread(made, valid)
    rows = np.flatnonzero(np.ones(len(fits), np.bool_) if valid is None else valid)
    places = np.full(len(fits) if valid is None else len(valid), -1, np.int64)
    places[rows[fits]] = np.arange(len(made))
    match inputs.text("on_bad"):
        case "null":
            pass
        case "pseudonym":
            places[rows[~fits]] = np.arange(len(made), len(fits))
            made = pa.concat_arrays([made, _marked(given.filter(pa.array(~fits)), inputs)])
        case _:
            raise Integrity("a value does not have the format of its mask", code="masks.format")
    return keep(made.take(pa.array(places, mask=places < 0)), MaskInputs())


def _spread(made: pa.Array, valid: Mask) -> pa.Array:
    """Values in their rows; a null's row is empty."""
    offsets, body = text_parts(made)
    lengths = np.zeros(len(valid), np.int32)
    lengths[valid] = offsets[1:] - offsets[:-1]
    ends = np.zeros(len(valid) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    return text(ends, body, kind=pa.string(), valid=valid)


def _marked(values: pa.Array, inputs: MaskInputs) -> pa.Array:
    characters = short_pseudonyms(values, inputs).reshape(-1, WIDTHS["b32"])
    rows = np.full((len(characters), WIDTHS["b32"] + 1), MARK, np.uint8)
    rows[:, 1:] = characters
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return text(offsets, rows.reshape(-1), kind=pa.string())
