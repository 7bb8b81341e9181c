"""Pseudonyms: equal identifiers of one key get equal texts; without the key nothing leads back.

pseudonym = 16 characters of Crockford base32, character i for the low 5 bits of byte i of
AES-256-CMAC(space key, message), 80 bits: at 10^8 distinct values the chance of any collision is 4·10^-9.
space key = HMAC-SHA-256(key, "gateway-pseudonym/1" LF canonical form LF tag space); masks/canon.py says
which message and space a value has. Vectors for a second implementation: tests/vectors/masks/pseudonym.json.
"""

from __future__ import annotations

import hmac
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.buffers import Bytes, Mask, allocate, text, text_parts, validity, values
from gateway.masks.canon import CANONS, Part
from gateway.masks.cmac import TAG, Cmac, Tags
from gateway.masks.kernel import MaskInputs
from gateway.terms.key import Key
from gateway.terms.mask_spec import family_of

PSEUDONYM_CHARACTERS: Final = 16
CROCKFORD: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_MAX_ROWS: Final = (2**31 - 1) // PSEUDONYM_CHARACTERS
"""More do not fit a string array's 32-bit offsets."""
_USUAL_OFFSETS: Final = np.arange(0, 65_536 * PSEUDONYM_CHARACTERS + 1, PSEUDONYM_CHARACTERS, dtype=np.int32)
"""Those of every batch up to the usual size, which therefore share them: new pages would cost 2 ns a row."""
_USUAL_OFFSETS.setflags(write=False)

_SHOWN_BITS: Final = np.uint64(0x1F1F_1F1F_1F1F_1F1F)
"""Of eight bytes of a tag."""
_PAIR_DIGITS: Final = np.arange(0x1F1F + 1, dtype=np.uint16).view(np.uint8) & (len(CROCKFORD) - 1)
_PAIRS: Final = pa.array(np.frombuffer(CROCKFORD, np.uint8)[_PAIR_DIGITS].view(np.uint16))
"""Both characters of two such bytes: 16 KiB, a third of a core's first cache; without the mask it would be 128."""
_UNCHECKED: Final = pc.TakeOptions(boundscheck=False)


def pseudonym(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Replace identifiers by keyed pseudonyms. A null stays null.

    Does not hide which rows are equal, nor how frequent a value is: MUST NOT be relied on for columns of
    few values (country, gender, year of birth), which their frequencies give away.
    """
    canon = CANONS.get(inputs.canon or "exact")
    if inputs.key is None or canon is None or family_of(column.type) not in canon.accepts:
        raise Integrity("pseudonym needs a key and a canonical form that accepts the type", code="masks.pseudonym")
    if len(column) > _MAX_ROWS:
        raise Integrity(f"a batch has more than {_MAX_ROWS} rows", code="masks.rows")
    valid = validity(column)
    identifiers = column if valid is None else column.drop_null()
    tags = _tags(canon.parts(identifiers), inputs.key, canon=inputs.canon or "exact", count=len(identifiers))
    return _written(tags, valid)


def _tags(parts: tuple[Part, ...], key: Key, *, canon: str, count: int) -> Tags:
    if len(parts) == 1 and parts[0].rows is None:
        return _tags_of_part(parts[0], key, canon=canon)
    tags = allocate(count * TAG.itemsize).view(TAG)
    for part in parts:
        tags[part.rows] = _tags_of_part(part, key, canon=canon)
    return tags


def _tags_of_part(part: Part, key: Key, *, canon: str) -> Tags:
    label = f"gateway-pseudonym/1\n{canon}\n{part.space}".encode()
    cmac = Cmac(hmac.digest(key.secret(), label, "sha256"))
    if part.messages.type == pa.int64():
        return cmac.of_words(values(part.messages, np.int64))
    return cmac.of_texts(*text_parts(part.messages))


def _written(tags: Tags, valid: Mask | None) -> pa.Array:
    """Tags as base32, each in the row of its value; nulls get 16 zero bytes."""
    characters = _base32(tags)
    if valid is not None:
        rows = np.zeros(len(valid), TAG)
        rows[valid] = characters.view(TAG)
        characters = rows.view(np.uint8)
    return text(_offsets(len(characters) // PSEUDONYM_CHARACTERS), characters, kind=pa.string(), valid=valid)


def _offsets(count: int) -> npt.NDArray[np.int32]:
    if count < len(_USUAL_OFFSETS):
        return _USUAL_OFFSETS[: count + 1]
    return np.arange(0, count * PSEUDONYM_CHARACTERS + 1, PSEUDONYM_CHARACTERS, dtype=np.int32)


def _base32(tags: Tags) -> Bytes:
    """Two characters a look-up; overwrites the tags.

    Looked up by those bits only that a pseudonym shows anyway: the time it takes tells no other bit of a tag.
    """
    shown = tags.view(np.uint64)
    np.bitwise_and(shown, _SHOWN_BITS, out=shown)  # NOTE: it is this that keeps the unchecked look-up in its table
    pairs = pa.Array.from_buffers(pa.uint16(), tags.nbytes // 2, [None, pa.py_buffer(tags)], 0)
    characters = pc.call_function("array_take", [_PAIRS, pairs], _UNCHECKED)
    return np.frombuffer(characters.buffers()[1], np.uint8, tags.nbytes)
