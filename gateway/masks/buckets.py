"""Where a data subject's rows lie in a dataset version: a keyed hash of the subject as it was released."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.masks.buffers import text_parts, validity
from gateway.masks.cmac import Cmac
from gateway.ports import KeyRing
from gateway.terms.key import KeyScope

Hashes = npt.NDArray[np.uint64]
_LABEL: Final = b"gateway-bucket/1"


def subject_hash(keys: KeyRing, *, project: str) -> Callable[[pa.Array], Hashes]:
    """64 bits for each value of a subject column, under a key of its own: not the pseudonyms' key.

    AES-256-CMAC under HMAC-SHA-256(key, "gateway-bucket/1") of the value as text, the first 8 bytes, little-endian.
    Nulls get 0. The function MUST be called by one thread at a time.
    """
    key = keys.derive(KeyScope(project=project, domain="dataset-version", mask="bucket"))
    cmac = Cmac(hmac.digest(key.secret(), _LABEL, "sha256"))

    def hashes(column: pa.Array) -> Hashes:
        plain = column if pa.types.is_string(column.type) else column.cast(pa.string())
        valid = validity(plain)
        given = plain if valid is None else plain.drop_null()
        tags = cmac.of_texts(*text_parts(given)).view("<u8").reshape(-1, 2)[:, 0]
        if valid is None:
            return tags.astype(np.uint64)
        spread = np.zeros(len(plain), np.uint64)
        spread[valid] = tags
        return spread

    return hashes
