"""Whole numbers onto whole numbers: FF1 over their bits, so that no two meet and the key leads back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Mask, fixed, validity, values
from gateway.masks.ff1.algorithm import CHUNK, Ff1
from gateway.masks.ff1.keys import ff1_key
from gateway.masks.kernel import MaskInputs
from gateway.terms.mask_spec import family_of


def permute_int(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """A keyed permutation of all numbers of the width, as that type. A null stays null.

    A number that the width cannot hold becomes null. Equal numbers have one result in columns of every integer type,
    as the width is the domain's. FF1 of radix 2 over the number's bits in two's complement, the most significant first.
    """
    return _permuted(column, inputs, reverse=False)


def permute_int_back(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """The numbers that were permuted, as the width's type."""
    return _permuted(column, inputs, reverse=True)


def _permuted(column: pa.Array, inputs: MaskInputs, *, reverse: bool) -> pa.Array:
    bits = {"int64": 64, "int32": 32}.get(inputs.text("width"), 0)
    if family_of(column.type) != "integer" or not bits:
        raise Integrity("permute_int takes integers, and a width of int64 or int32", code="masks.type")
    numbers, valid = _of_width(column, bits)
    cipher = Ff1(ff1_key(inputs), radix=2, length=bits)
    half, mask = np.uint64(bits // 2), np.uint64(2 ** (bits // 2) - 1)
    for start in range(0, len(numbers), CHUNK):
        piece = numbers[start : start + CHUNK].view(np.uint64)
        first, second = cipher.crypt(piece >> half & mask, piece & mask, reverse=reverse)
        np.bitwise_or(first << half, second, out=piece)
    kind = pa.int64() if bits == 64 else pa.int32()  # noqa: PLR2004 - the widest
    return fixed(numbers if kind == pa.int64() else numbers.astype(np.int32), kind, valid=valid)


def _of_width(column: pa.Array, bits: int) -> tuple[npt.NDArray[np.int64], Mask | None]:
    """A copy as 64-bit numbers, and which rows have one that the width holds; None: all."""
    given = values(column, column.type.to_pandas_dtype())
    numbers = given.astype(np.int64)
    fits = (numbers >= -(2 ** (bits - 1))) & (numbers < 2 ** (bits - 1)) if bits < given.dtype.itemsize * 8 else None
    if given.dtype == np.uint64:
        fits = (given < 2 ** (bits - 1)) if fits is None else fits & (given < 2 ** (bits - 1))
    valid = validity(column)
    if fits is None or fits.all():
        return numbers, valid
    return numbers, fits if valid is None else fits & valid
