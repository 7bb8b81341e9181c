"""Tags as characters: base32, hexadecimal digits, UUIDs, bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.masks.buffers import Bytes, allocate
from gateway.masks.cmac import TAG, Tags

CROCKFORD: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_SHOWN_BITS: Final = np.uint64(0x1F1F_1F1F_1F1F_1F1F)
"""Of eight bytes of a tag."""
_PAIR_DIGITS: Final = np.arange(0x1F1F + 1, dtype=np.uint16).view(np.uint8) & (len(CROCKFORD) - 1)
_PAIRS: Final = pa.array(np.frombuffer(CROCKFORD, np.uint8)[_PAIR_DIGITS].view(np.uint16))
"""Both characters of two such bytes: 16 KiB, a third of a core's first cache; without the mask it would be 128."""
_UNCHECKED: Final = pc.TakeOptions(boundscheck=False)
_HEX_PAIRS: Final = pa.array(np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16))
"""Both characters of a byte."""
_ROWS: Final = 8192
_VERSION, _VARIANT = 6, 8
"""Bytes of a UUID (RFC 9562, section 5.8)."""
_GROUPS: Final = ((0, 0, 8), (8, 9, 4), (12, 14, 4), (16, 19, 4), (20, 24, 12))
"""Of a UUID's hexadecimal digits: from, to, how many."""
_DASHES: Final = (8, 13, 18, 23)


def base32(tags: Tags) -> Bytes:
    """16 characters of Crockford's alphabet, for the low 5 bits of each byte: 80 bits. Overwrites the tags.

    Looked up by those bits only that a pseudonym shows anyway: the time it takes tells no other bit of a tag.
    """
    shown = tags.view(np.uint64)
    np.bitwise_and(shown, _SHOWN_BITS, out=shown)  # NOTE: it is this that keeps the unchecked look-up in its table
    pairs = pa.Array.from_buffers(pa.uint16(), tags.nbytes // 2, [None, pa.py_buffer(tags)], 0)
    characters = pc.call_function("array_take", [_PAIRS, pairs], _UNCHECKED)
    return np.frombuffer(characters.buffers()[1], np.uint8, tags.nbytes)


def hexadecimal(tags: Tags) -> Bytes:
    """32 digits, two a byte: 128 bits."""
    octets = pa.Array.from_buffers(pa.uint8(), tags.nbytes, [None, pa.py_buffer(tags)], 0)
    characters = pc.call_function("array_take", [_HEX_PAIRS, octets], _UNCHECKED)
    return np.frombuffer(characters.buffers()[1], np.uint8, 2 * tags.nbytes)


def uuid(tags: Tags) -> Bytes:
    """36 characters: a UUID of version 8 of the tag's bytes but for six bits. Overwrites the tags."""
    rows = tags.view(np.uint8).reshape(-1, TAG.itemsize)
    rows[:, _VERSION] = rows[:, _VERSION] & 0x0F | 0x80
    rows[:, _VARIANT] = rows[:, _VARIANT] & 0x3F | 0x80
    characters = allocate(len(rows) * WIDTHS["uuid"])
    for start in range(0, len(rows), _ROWS):
        _spell_uuids(tags[start : start + _ROWS], characters[start * WIDTHS["uuid"] :])
    return characters


def binary(tags: Tags) -> Bytes:
    """The 16 bytes."""
    return tags.view(np.uint8)


def _spell_uuids(tags: Tags, characters: Bytes) -> None:
    count, width = len(tags), WIDTHS["uuid"]
    digits = hexadecimal(np.ascontiguousarray(tags))
    for source, target, length in _GROUPS:
        kind = np.dtype(f"V{length}")
        there = np.ndarray((count,), kind, characters.data, target, (width,))
        there[:] = np.ndarray((count,), kind, digits.data, source, (WIDTHS["hex"],))
    for place in _DASHES:
        np.ndarray((count,), np.uint8, characters.data, place, (width,))[:] = ord("-")


WIDTHS: Final[Mapping[str, int]] = MappingProxyType({"b32": 16, "hex": 32, "uuid": 36, "binary": 16})
"""Bytes of a pseudonym."""
SPELLED: Final[Mapping[str, Callable[[Tags], Bytes]]] = MappingProxyType(
    {"b32": base32, "hex": hexadecimal, "uuid": uuid, "binary": binary}
)
"""A form's bytes of all tags, one behind the other. The tags may be overwritten, and the bytes may be theirs."""
