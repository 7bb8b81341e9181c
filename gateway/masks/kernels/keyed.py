"""Keyed numbers of identifiers, for masks that draw by them: equal identifiers of one key get equal numbers.

number = the first 8 bytes, little-endian, of the identifier's tag (masks/pseudonyms/tags.py) under the mask's own key.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import fixed, validity
from gateway.masks.kernel import MaskInputs
from gateway.masks.pseudonyms.tags import tags_of
from gateway.terms.key import Key

MAX_BUCKETS: Final = 1_000_000

Numbers = npt.NDArray[np.uint64]


def words_of(column: pa.Array, key: Key | None, *, canon: str | None) -> Numbers:
    """One number a row, of all 64 bits; 0 for a null.

    Raises:
        Integrity: no key, or no canonical form for the type.
    """
    valid = validity(column)
    tags = tags_of(column if valid is None else column.drop_null(), key, canon=canon)
    words: Numbers = tags.view("<u8").reshape(-1, 2)[:, 0]
    if valid is None:
        return words
    spread = np.zeros(len(column), np.uint64)
    spread[valid] = words
    return spread


def hash_bucket(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Put identifiers into `buckets` buckets by a keyed hash: 0 to buckets - 1, the same one wherever a value stands.

    A null stays null. Tells of two values in one bucket nothing; of two in different ones that they differ.
    """
    buckets = inputs.parameters.get("buckets")
    if not isinstance(buckets, int) or isinstance(buckets, bool) or not 2 <= buckets <= MAX_BUCKETS:  # noqa: PLR2004
        raise Integrity(f"hash_bucket needs 2 to {MAX_BUCKETS} buckets", code="masks.parameters")
    words = words_of(column, inputs.key, canon=inputs.canon)
    count = np.uint64(buckets)
    return fixed((words - words // count * count).astype(np.int64), pa.int64(), valid=validity(column))
