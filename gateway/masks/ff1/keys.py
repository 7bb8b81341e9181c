"""The keys of format-preserving masks, and the tweak that a row's subject gives."""

from __future__ import annotations

import hmac
from typing import Final

import numpy as np
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Mask, validity
from gateway.masks.ff1.algorithm import Numbers
from gateway.masks.kernel import MaskInputs
from gateway.masks.pseudonyms.tags import tags_of
from gateway.terms.key import Key

SUBJECT_TWEAK: Final = 7
"""Bytes: the most that lies in FF1's last block beside halves of eight bytes."""


def ff1_key(inputs: MaskInputs, *, label: str = "gateway-ff1/1") -> bytes:
    """HMAC-SHA-256(key, label): an AES-256 key that no pseudonym is made with.

    Raises:
        Integrity: no key.
    """
    if inputs.key is None:
        raise Integrity("the mask needs a key", code="masks.key")
    return hmac.digest(inputs.key.secret(), label.encode(), "sha256")


def subject_tweaks(subjects: pa.Array, inputs: MaskInputs, *, canon: str | None) -> tuple[Numbers, Mask]:
    """Each row's tweak, the first 7 bytes of its subject's tag, as two words; and which rows have a subject."""
    valid = validity(subjects)
    known = np.ones(len(subjects), np.bool_) if valid is None else valid
    given = subjects if valid is None else subjects.drop_null()
    tags = tags_of(given, Key(ff1_key(inputs, label="gateway-ff1-tweak/1")), canon=canon)
    tweaks = np.zeros((len(subjects), 2), np.uint64)
    tweaks[known, 0] = tags.view("<u8").reshape(-1, 2)[:, 0] & np.uint64(2 ** (8 * SUBJECT_TWEAK) - 1)
    return tweaks, known
