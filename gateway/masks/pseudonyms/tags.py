"""Keyed tags of identifiers: AES-256-CMAC(space key, message), 16 bytes a value.

space key = HMAC-SHA-256(key, "gateway-pseudonym/1" LF canonical form LF tag space); masks/canon.py says which message
and space a value has.
"""

from __future__ import annotations

import hmac

import numpy as np
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import allocate, text_parts, values
from gateway.masks.canon import CANONS, Part
from gateway.masks.cmac import TAG, Cmac, Tags
from gateway.terms.key import Key
from gateway.terms.mask_spec import family_of


def tags_of(identifiers: pa.Array, key: Key | None, *, canon: str | None) -> Tags:
    """One for each value; equal values of one canonical form have equal ones.

    Args:
        identifiers: without nulls.
        canon: name in CANONS; None means `exact`.

    Raises:
        Integrity: no key, or no form for the type.
    """
    name = canon or "exact"
    form = CANONS.get(name)
    if key is None or form is None or family_of(identifiers.type) not in form.accepts:
        raise Integrity("pseudonym needs a key and a canonical form that accepts the type", code="masks.pseudonym")
    parts = form.parts(identifiers)
    if len(parts) == 1 and parts[0].rows is None:
        return _tags_of_part(parts[0], key, canon=name)
    tags = allocate(len(identifiers) * TAG.itemsize).view(TAG)
    for part in parts:
        tags[part.rows] = _tags_of_part(part, key, canon=name)
    return tags


def _tags_of_part(part: Part, key: Key, *, canon: str) -> Tags:
    label = f"gateway-pseudonym/1\n{canon}\n{part.space}".encode()
    cmac = Cmac(hmac.digest(key.secret(), label, "sha256"))
    if part.messages.type == pa.int64():
        return cmac.of_words(values(part.messages, np.int64))
    return cmac.of_texts(*text_parts(part.messages))
