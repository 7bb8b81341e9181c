"""Canonical forms: which values of a domain are one identifier, and as which bytes.

A form turns a column without nulls into parts. A part is one tag space: messages of two spaces never get
one pseudonym, whatever their bytes. A value that a form does not reach is keyed as it stands,
in a space of its own: it joins byte-equal values and nothing else, and it never fails the others.
A form is part of every pseudonym made with it: MUST NOT be changed, only added under a new name.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.buffers import Bytes, Mask, equal_width, from_zero, text, text_parts, values
from gateway.terms.mask_spec import Family, family_of

Space = Literal["integer", "wide_integer", "decimal", "date", "timestamp", "binary", "text", "verbatim"]

MAX_FOLDED_BYTES: Final = 512
"""Longer values with other than ASCII characters stay verbatim: Unicode's reordering of combining marks takes
quadratic time (40 µs at this length, 160 ms at 32 KiB; THREATS T13), and no identifier is that long."""

_INT64: Final = np.iinfo(np.int64)
_SAFE_DIGITS: Final = 18
"""Every number of so many digits fits an int64; with one more, some do."""
_LAST_ASCII: Final = 127
_DIGITS: Final = 10
_LETTERS: Final = 26
_SCANNED: Final = 1 << 18
"""Bytes looked at in one go; they and their scratch copy stay in a core's own cache."""
_ASCII_WHITESPACE: Final = " \t\n\v\f\r\x1c\x1d\x1e\x1f"
"""What str.strip() removes, so that the fast and the general path agree."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Messages of one tag space."""

    space: Space
    messages: pa.Array
    """int64, for 8-byte little-endian messages, or string or binary for their bytes."""
    rows: npt.NDArray[np.intp] | None = None
    """Their rows in the column; None: all of them, in order."""


Form = Callable[[pa.Array], tuple[Part, ...]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Canon:
    """A canonical form, and the types it is for."""

    accepts: frozenset[Family]
    parts: Form


def exact(column: pa.Array) -> tuple[Part, ...]:
    """Equal values of equal families are one; 1.5 is 1.50, int32 is int64, an instant is the same in every zone."""
    match family_of(column.type):
        case "integer":
            return _integers(column)
        case "decimal":
            return _decimals(column)
        case "date":
            return (Part(space="date", messages=column.cast(pa.int32()).cast(pa.int64())),)
        case "timestamp":
            return _timestamps(column)
        case "binary":
            return (Part(space="binary", messages=column),)
        case _:
            return _texts(column)


def integer_text(column: pa.Array) -> tuple[Part, ...]:
    """123, "123" and 123.00 are one. A text counts as an integer only as `0` or `-?[1-9][0-9]*`, nothing around it."""
    match family_of(column.type):
        case "integer":
            return _integers(column)
        case "decimal":
            return _integer_decimals(column)
        case _:
            return _integer_texts(column)


def trim_nfc_casefold(column: pa.Array) -> tuple[Part, ...]:
    """NFC(casefold(NFD(strip(text)))): case, surrounding white space and the spelling of accents do not count."""
    ascii_only, foldable = _reach(column)
    return _portions(
        column,
        (ascii_only, _folded_ascii),
        (foldable, lambda rows: _texts(pa.array([_fold(value) for value in rows.to_pylist()], rows.type))),
        (~(ascii_only | foldable), _verbatim),
    )


def alnum_upper(column: pa.Array) -> tuple[Part, ...]:
    """ASCII letters and digits in upper case; all else is dropped: `de89 3704-…` is `DE893704…`.

    NFKC comes first, for no-break spaces and full-width digits. What is then not ASCII stays verbatim:
    dropping a letter would make one identifier of two.
    """
    ascii_only, short = _reach(column)
    compatible = np.zeros(len(column), np.bool_)
    rows = np.flatnonzero(short)
    compatible[rows] = [_compatible(value).isascii() for value in column.filter(pa.array(short)).to_pylist()]
    return _portions(
        column,
        (ascii_only, _alnum),
        (compatible, lambda rows: _alnum(pa.array([_compatible(value) for value in rows.to_pylist()], rows.type))),
        (~(ascii_only | compatible), _verbatim),
    )


CANONS: Mapping[str, Canon] = MappingProxyType(
    {
        "exact": Canon(accepts=frozenset({"string", "integer", "decimal", "date", "timestamp", "binary"}), parts=exact),
        "integer_text": Canon(accepts=frozenset({"string", "integer", "decimal"}), parts=integer_text),
        "trim_nfc_casefold": Canon(accepts=frozenset({"string"}), parts=trim_nfc_casefold),
        "alnum_upper": Canon(accepts=frozenset({"string"}), parts=alnum_upper),
    }
)


def canonical_texts(column: pa.Array, canon: str | None) -> tuple[pa.Array, Mask]:
    """Texts without nulls in their canonical form, as 32-bit strings, and which of them the form reaches.

    A text that it does not reach stands as it is: equal texts only are one identifier.

    Raises:
        Integrity: an unknown form.
    """
    form = CANONS.get(canon or "exact")
    if form is None:
        raise Integrity("there is no such canonical form", code="masks.canon")
    plain = column.cast(pa.string())
    everywhere = np.ones(len(plain), np.bool_)
    if form.parts in {exact, integer_text}:  # they change no text
        return plain, everywhere
    parts = form.parts(plain)
    if len(parts) == 1 and parts[0].rows is None:
        return parts[0].messages, everywhere & (parts[0].space != "verbatim")
    places = np.empty(len(plain), np.int64)
    rows = [part.rows for part in parts if part.rows is not None]
    places[np.concatenate(rows)] = np.arange(len(plain))
    for part in parts:
        everywhere[part.rows] = part.space != "verbatim"
    return pa.concat_arrays([part.messages for part in parts]).take(pa.array(places)), everywhere


def _portions(column: pa.Array, *portions: tuple[Mask, Form]) -> tuple[Part, ...]:
    """Put each row's value through the form of the portion it is in; portions are disjoint and cover all rows."""
    parts: list[Part] = []
    for where, form in portions:
        if where.all():
            return form(column)
        if where.any():
            rows = np.flatnonzero(where)
            parts.extend(
                dataclasses.replace(part, rows=rows if part.rows is None else rows[part.rows])
                for part in form(column.filter(pa.array(where)))
            )
    return tuple(parts)


def _texts(column: pa.Array) -> tuple[Part, ...]:
    return (Part(space="text", messages=column),)


def _verbatim(column: pa.Array) -> tuple[Part, ...]:
    return (Part(space="verbatim", messages=column),)


def _words(column: pa.Array) -> tuple[Part, ...]:
    return (Part(space="integer", messages=column.cast(pa.int64())),)


def _wide_integers(column: pa.Array) -> tuple[Part, ...]:
    """Beyond int64: the decimal text."""
    return (Part(space="wide_integer", messages=column.cast(pa.string())),)


def _integers(column: pa.Array) -> tuple[Part, ...]:
    if column.type != pa.uint64():
        return _words(column)
    wide = values(column, np.uint64) > _INT64.max
    return _portions(column, (~wide, _words), (wide, _wide_integers))


def _decimals(column: pa.Array) -> tuple[Part, ...]:
    """At one scale, 38, as 32 little-endian bytes: the declared scale does not count."""
    wide = column.cast(pa.decimal256(76, 38))
    return (Part(space="decimal", messages=equal_width(values(wide, np.dtype((np.uint8, (32,)))).copy())),)


def _integer_decimals(column: pa.Array) -> tuple[Part, ...]:
    try:
        return _words(column)
    except pa.ArrowInvalid:  # a fraction, or beyond int64: row by row below
        whole = pc.equal(pc.round(column, ndigits=0, round_mode="towards_zero"), column)
    digits = pa.decimal256(76, 0)
    is_whole = np.asarray(whole.to_numpy(zero_copy_only=False), np.bool_)
    return _portions(
        column,
        (is_whole, lambda rows: _integer_texts(rows.cast(digits).cast(pa.string()))),
        (~is_whole, _decimals),
    )


def _integer_texts(column: pa.Array) -> tuple[Part, ...]:
    digits = _canonical_digits(column)
    short = (digits > 0) & (digits <= _SAFE_DIGITS)
    open_ones = digits == _SAFE_DIGITS + 1
    wide = digits > _SAFE_DIGITS + 1
    return _portions(
        column, (short, _words), (open_ones, _open_integers), (wide, _wide_integers), (digits == 0, _texts)
    )


def _open_integers(column: pa.Array) -> tuple[Part, ...]:
    """Texts of 19 digits, of which some fit an int64."""
    fits = np.asarray([_INT64.min <= int(value) <= _INT64.max for value in column.to_pylist()], np.bool_)
    return _portions(column, (fits, _words), (~fits, _wide_integers))


def _canonical_digits(column: pa.Array) -> npt.NDArray[np.int64]:
    """How many digits a text has that is a canonical integer; 0 for any other."""
    offsets, body = text_parts(column)
    first, last = int(offsets[0]), int(offsets[-1])
    padded = np.append(body[first:last], np.zeros(2, np.uint8))
    starts, lengths = (offsets[:-1] - first).astype(np.intp), np.diff(offsets)
    before = np.append(0, np.cumsum((padded - ord("0")) < _DIGITS, dtype=np.int64))
    digits = before[starts + lengths] - before[starts]
    negative = (padded[starts] == ord("-")) & (lengths > 1)
    leading_zero = (padded[starts + negative] == ord("0")) & ((lengths > 1) | negative)
    canonical = (digits == lengths - negative) & ~leading_zero
    return np.where(canonical, digits, 0)


def _timestamps(column: pa.Array) -> tuple[Part, ...]:
    """Whole seconds and nanoseconds, 8 bytes each: one form for all units, in the range of every unit."""
    ticks = values(column, np.int64)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    messages = np.empty((len(column), 2), "<i8")
    messages[:, 0] = ticks // per_second
    messages[:, 1] = (ticks - messages[:, 0] * per_second) * (10**9 // per_second)
    return (Part(space="timestamp", messages=equal_width(messages)),)


def _content(column: pa.Array) -> Bytes:
    offsets, body = text_parts(column)
    return body[offsets[0] : offsets[-1]]


def _reach(column: pa.Array) -> tuple[Mask, Mask]:
    """Which texts are ASCII, and which others are short enough for Unicode's slow functions."""
    content = _content(column)
    if not content.size or content.max() <= _LAST_ASCII:  # 6 ns a row cheaper than to ask row by row
        return np.ones(len(column), np.bool_), np.zeros(len(column), np.bool_)
    ascii_only = np.asarray(pc.string_is_ascii(column).to_numpy(zero_copy_only=False), np.bool_)
    short = np.asarray(pc.less_equal(pc.binary_length(column), MAX_FOLDED_BYTES).to_numpy(zero_copy_only=False))
    return ascii_only, ~ascii_only & short


def _folded_ascii(column: pa.Array) -> tuple[Part, ...]:
    content = _content(column)
    lower = pc.ascii_lower(from_zero(column)) if _has_capitals(content) else column
    if content.size and content.min() <= ord(" "):  # else nothing to trim, which is 8 ns a row cheaper to see
        lower = pc.ascii_trim(lower, characters=_ASCII_WHITESPACE)
    return _texts(lower)


def _has_capitals(content: Bytes) -> bool:
    """Whether ASCII bytes hold one of A to Z: moved down until Z is 255, no other byte is above A."""
    moved = np.empty(min(content.size, _SCANNED), np.uint8)
    for start in range(0, content.size, _SCANNED):
        piece = content[start : start + _SCANNED]
        if np.subtract(piece, ord("Z") + 1, out=moved[: piece.size]).max() >= 256 - _LETTERS:
            return True
    return False


def _fold(value: str) -> str:
    # NFD first: casefold alone tells apart some marks that differ in order only (Unicode, definition D145)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", value.strip()).casefold())


def _compatible(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


def _alnum(column: pa.Array) -> tuple[Part, ...]:
    upper = pc.ascii_upper(from_zero(column))
    offsets, body = text_parts(upper)
    content = body[offsets[0] : offsets[-1]]
    kept = ((content - ord("0")) < _DIGITS) | ((content - ord("A")) < _LETTERS)
    if kept.all():
        return _texts(upper)
    before = np.zeros(kept.size + 1, offsets.dtype)
    np.cumsum(kept, out=before[1:])
    return _texts(text(before[offsets - offsets[0]], content[kept], kind=upper.type))
