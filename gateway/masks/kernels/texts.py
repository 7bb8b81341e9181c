"""Some characters of a text, and stars for the others.

Characters are code points, whatever the text is made of; no text shows more than half of itself.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.buffers import Bytes, allocate, text, text_parts, validity
from gateway.masks.kernel import MaskInputs
from gateway.masks.kernels.exact import ROWS

MAX_SHOWN: Final = 16
MAX_WIDTH: Final = 64
STAR: Final = ord("*")
OWN: Final = 0
"""As a width: each text's own."""

_CONTINUED: Final = np.uint8(0x80)
_LEADING_BITS: Final = np.uint8(0xC0)
_LAST_ASCII: Final = 127

Places = npt.NDArray[np.int64]


def keep_first(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Show the first `n` characters of texts of at least 2n, and stars for the others; of shorter ones only stars.

    By `width` every text becomes that long; 0: it keeps its number of characters. A null stays null.
    """
    return _shown(column, inputs, first=True)


def keep_last(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Show the last `n` characters of texts of at least 2n, as keep_first the first."""
    return _shown(column, inputs, first=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """Where characters are; all by row."""

    body: Bytes
    starts: Places
    """First byte."""
    ends: Places
    lengths: Places
    """Characters."""
    characters: Places | None
    """First byte of every character of the body; None: each byte is one."""
    before: Places
    """How many characters of the body lie before the row's first."""

    def after_first(self, count: int, rows: Places) -> Places:
        """The byte behind so many characters."""
        starts: Places = self.starts[rows] + count
        # NOTE: rows that show anything have twice as many characters, so the next one is theirs too
        return starts if self.characters is None else self.characters[self.before[rows] + count]

    def before_last(self, count: int, rows: Places) -> Places:
        """The byte at which so many characters begin that end the text."""
        starts: Places = self.ends[rows] - count
        if self.characters is None:
            return starts
        begins: Places = self.characters[self.before[rows] + self.lengths[rows] - count]
        return begins


def _shown(column: pa.Array, inputs: MaskInputs, *, first: bool) -> pa.Array:
    shown, width = _parameters(inputs)
    valid = validity(column)
    pieces = [
        _painted(column[start : start + ROWS], shown, width, first=first) for start in range(0, len(column), ROWS)
    ]
    offsets = _offsets([sizes for sizes, _ in pieces], column.type)
    body = allocate(int(offsets[-1]))
    if pieces:
        np.concatenate([painted for _, painted in pieces], out=body)
    return text(offsets, body, kind=column.type, valid=valid)


def _painted(column: pa.Array, shown: int, width: int, *, first: bool) -> tuple[Places, Bytes]:
    """How many bytes each row has, and all of them; a null has none."""
    valid = validity(column)
    texts = _texts(column)
    is_long = texts.lengths >= 2 * shown
    rows = np.flatnonzero(is_long if valid is None else is_long & valid)
    if first:
        sources, ends = texts.starts[rows], texts.after_first(shown, rows)
    else:
        sources, ends = texts.before_last(shown, rows), texts.ends[rows]
    sizes = texts.lengths.copy() if width == OWN else np.full(len(column), width, np.int64)
    sizes[rows] += ends - sources - shown  # in bytes: what is shown may have several a character
    if valid is not None:
        sizes[~valid] = 0
    after = np.cumsum(sizes)
    painted = np.full(int(after[-1]), STAR, np.uint8)
    targets = after[rows] - sizes[rows] if first else after[rows] - (ends - sources)
    _copy(texts.body, sources, painted, targets, ends - sources)
    return sizes, painted


def _parameters(inputs: MaskInputs) -> tuple[int, int]:
    shown, width = inputs.whole("n"), inputs.parameters.get("width", OWN)
    if not 1 <= shown <= MAX_SHOWN:
        raise Integrity(f"the mask needs n between 1 and {MAX_SHOWN}", code="masks.parameters")
    if not isinstance(width, int) or isinstance(width, bool) or not (width == OWN or 2 * shown <= width <= MAX_WIDTH):
        raise Integrity(f"the mask needs a width of 0, or between twice n and {MAX_WIDTH}", code="masks.parameters")
    return shown, width


def _texts(column: pa.Array) -> _Texts:
    offsets, body = text_parts(column)
    places = offsets.astype(np.int64)
    first, last = int(places[0]), int(places[-1])
    content = body[first:last]
    places -= first
    starts, ends = places[:-1], places[1:]
    if not content.size or content.max() <= _LAST_ASCII:
        return _Texts(body=content, starts=starts, ends=ends, lengths=ends - starts, characters=None, before=starts)
    begins = (content & _LEADING_BITS) != _CONTINUED
    counted = np.zeros(content.size + 1, np.int64)
    np.cumsum(begins, out=counted[1:])
    before = counted[places]
    characters = np.append(np.flatnonzero(begins), content.size)
    return _Texts(
        body=content,
        starts=starts,
        ends=ends,
        lengths=before[1:] - before[:-1],
        characters=characters,
        before=before[:-1],
    )


def _offsets(sizes: list[Places], kind: pa.DataType) -> npt.NDArray[np.signedinteger[Any]]:
    offsets = np.zeros(sum(map(len, sizes)) + 1, np.int64)
    if sizes:
        np.cumsum(np.concatenate(sizes), out=offsets[1:])
    if pa.types.is_large_string(kind):
        return offsets
    if offsets[-1] > np.iinfo(np.int32).max:
        raise Integrity("a batch's masked texts do not fit 32-bit offsets", code="masks.rows")
    return offsets.astype(np.int32)


def _copy(source: Bytes, starts: Places, target: Bytes, places: Places, sizes: Places) -> None:
    """Byte by byte of all rows at once: no text shows more than MAX_SHOWN characters of four bytes each."""
    if not len(sizes):
        return
    least = int(sizes.min())
    for byte in range(least):
        target[places + byte] = source[starts + byte]
    for byte in range(least, int(sizes.max())):
        rows = sizes > byte
        target[places[rows] + byte] = source[starts[rows] + byte]
