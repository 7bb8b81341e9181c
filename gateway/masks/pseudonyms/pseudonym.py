"""Pseudonyms: equal identifiers of one key get equal ones; without the key nothing leads back.

The usual form, b32, is 16 characters of Crockford base32, character i for the low 5 bits of byte i of the tag that
pseudonyms/tags.py describes, 80 bits: at 10^8 distinct values the chance of any collision is 4·10^-9.
Whoever holds the key can turn `binary` and `hex` of a value of up to 16 bytes back, as they show all of an AES block.
Vectors for a second implementation: tests/vectors/masks/pseudonym.json.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Bytes, Mask, allocate, text, validity
from gateway.masks.cmac import Tags
from gateway.masks.kernel import MaskInputs
from gateway.masks.pseudonyms.forms import SPELLED, WIDTHS
from gateway.masks.pseudonyms.tags import tags_of

_MAX_BYTES: Final = 2**31 - 1
"""More do not fit 32-bit offsets."""
_USUAL_WIDTH: Final = WIDTHS["b32"]
_USUAL_OFFSETS: Final = np.arange(0, 65_536 * _USUAL_WIDTH + 1, _USUAL_WIDTH, dtype=np.int32)
"""Those of every batch up to the usual size, which therefore share them: new pages would cost 2 ns a row."""
_USUAL_OFFSETS.setflags(write=False)


def pseudonym(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Replace identifiers by keyed pseudonyms. A null stays null.

    Does not hide which rows are equal, nor how frequent a value is: MUST NOT be relied on for columns of
    few values (country, gender, year of birth), which their frequencies give away.
    """
    form, prefix = inputs.text("form"), inputs.text("prefix").encode()
    if form not in SPELLED:
        raise Integrity(f"pseudonym has no form {form}", code="masks.parameters")
    width = WIDTHS[form] + len(prefix)
    if len(column) > _MAX_BYTES // width:
        raise Integrity(f"a batch has more than {_MAX_BYTES // width} rows", code="masks.rows")
    valid = validity(column)
    identifiers = column if valid is None else column.drop_null()
    tags = tags_of(identifiers, inputs.key, canon=inputs.canon)
    characters = _prefixed(_spelled(tags, form), prefix, width=width)
    kind = pa.binary() if form == "binary" else pa.string()
    return _in_rows(characters, width, kind=kind, valid=valid)


def short_pseudonyms(identifiers: pa.Array, inputs: MaskInputs) -> Bytes:
    """The usual form of values that have no place in their mask's format: WIDTHS["b32"] bytes each; no nulls."""
    return _spelled(tags_of(identifiers, inputs.key, canon=inputs.canon), "b32")


def _spelled(tags: Tags, form: str) -> Bytes:
    return SPELLED[form](tags)


def _prefixed(characters: Bytes, prefix: bytes, *, width: int) -> Bytes:
    if not prefix:
        return characters
    body = width - len(prefix)
    rows = allocate(len(characters) // body * width).reshape(-1, width)
    rows[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    rows[:, len(prefix) :] = characters.reshape(-1, body)
    return rows.reshape(-1)


def _in_rows(characters: Bytes, width: int, *, kind: pa.DataType, valid: Mask | None) -> pa.Array:
    """Characters of one width, each in the row of its value; nulls get zero bytes."""
    if valid is not None:
        rows = np.zeros(len(valid), f"V{width}")
        rows[valid] = characters.view(rows.dtype)
        characters = rows.view(np.uint8)
    return text(_offsets(len(characters) // width, width), characters, kind=kind, valid=valid)


def _offsets(count: int, width: int) -> npt.NDArray[np.int32]:
    if width == _USUAL_WIDTH and count < len(_USUAL_OFFSETS):
        return _USUAL_OFFSETS[: count + 1]
    return np.arange(0, count * width + 1, width, dtype=np.int32)
