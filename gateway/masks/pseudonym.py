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
import pyarrow as pa

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
_CHUNK: Final = 8192 * PSEUDONYM_CHARACTERS
"""Characters; the scratch arrays stay in a core's own cache."""
_BEFORE_GAPS: Final = tuple(CROCKFORD.index(letter) for letter in b"HKNT")
"""After these the alphabet leaves out one letter: I, L, O, U."""


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
    offsets = np.arange(0, characters.size + 1, PSEUDONYM_CHARACTERS, dtype=np.int32)
    return text(offsets, characters, kind=pa.string(), valid=valid)


def _base32(tags: Tags) -> Bytes:
    """Write over the tags. By arithmetic, not by table: faster here, and its time does not depend on the tags."""
    target = tags.view(np.uint8)
    digits, above = np.empty(_CHUNK, np.uint8), np.empty(_CHUNK, np.bool_)
    for start in range(0, target.size, _CHUNK):
        characters = target[start : start + _CHUNK]
        digit, is_above = digits[: characters.size], above[: characters.size]
        np.bitwise_and(characters, len(CROCKFORD) - 1, out=digit)
        np.greater(digit, 9, out=is_above)
        np.multiply(is_above.view(np.uint8), ord("A") - ord("9") - 1, out=characters)
        np.add(characters, digit, out=characters)
        np.add(characters, ord("0"), out=characters)
        for last in _BEFORE_GAPS:
            np.greater(digit, last, out=is_above)
            np.add(characters, is_above.view(np.uint8), out=characters)
    return target
