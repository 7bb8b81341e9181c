"""An entry as bytes: canonical payload, salted commitment, leaf, and what search repeats of it.

The tree commits to the leaf, {version, kind, time, receipt, commitment}, and the commitment to the payload under a
random salt. Erasing payload and salt leaves the tree whole, and nobody can guess the payload back. Everything beside
the leaf is derived from the payload by `row_of`, at the append and again at verification, so it cannot drift.
No stored text holds a character that acts on a terminal or a log viewer (T25), and none is longer than its cap (T18).
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.errors import Invalid
from gateway.terms.audit import ColumnAccess, DenialEntry, Entry
from gateway.terms.log import LogRow

SALT_BYTES: Final = 32
UNNUMBERED: Final = -1
"""Index of a row that is not in the log yet."""
_SHAPE_BYTES: Final = {"access": 16 << 10, "denial": 4 << 10}
_SKETCH_BYTES: Final = 2 << 10
"""A sketch of subjects: 1,368 characters, cut it would be none."""
_DENIAL_LISTS: Final = {"columns": 64, "reasons": 8}
"""A denial costs its sender nothing, so it gets little room (T18); `…_cut` says how many items were left out."""
MAX_TEXT_BYTES: Final = 512
"""Any other text: names are ≤ 63 characters, and PostgreSQL indexes ≤ 2,704 bytes."""
CUT: Final = "…[cut]"
_VERSION: Final = 1
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder()

Json = Any
"""A document of texts, integers, booleans, nulls, lists and objects."""


def encode(entry: Entry, *, salt: bytes) -> LogRow:
    """The entry's row, not numbered yet.

    Args:
        salt: 32 random bytes, never used for another entry.

    Raises:
        Invalid: its time has no zone, or it holds a value that is no plain one.
    """
    return row_of(payload_of(entry), salt=salt, index=UNNUMBERED)


def payload_of(entry: Entry) -> bytes:
    """Canonical JSON of all fields (RFC 8785 for texts, integers, lists and objects), capped and escaped."""
    room = {"shape": _SHAPE_BYTES.get(entry.kind, 0), "subjects": _SKETCH_BYTES}
    fields = {
        field.name: _plain(getattr(entry, field.name), max_bytes=room.get(field.name, MAX_TEXT_BYTES))
        for field in dataclasses.fields(entry)
    }
    if isinstance(entry, DenialEntry):
        for name, limit in _DENIAL_LISTS.items():
            if len(fields[name]) > limit:
                fields[f"{name}_cut"] = len(fields[name]) - limit
                fields[name] = fields[name][:limit]
    return canonical(fields)


def row_of(payload: bytes, *, salt: bytes, index: int) -> LogRow:
    """Everything the tables hold of an entry, from its payload alone.

    Raises:
        KeyError, TypeError, ValueError: the payload is not one that `payload_of` made.
    """
    fields: Mapping[str, Any] = _DECODER.decode(payload.decode())
    kind, receipt, time = fields["kind"], fields["receipt"], fields["time"]
    leaf = {
        "version": _VERSION,
        "kind": kind,
        "time": time,
        "receipt": receipt,
        "commitment": commitment_of(payload, salt=salt),
    }
    return LogRow(
        index=index,
        leaf=canonical(leaf),
        salt=salt,
        payload=payload,
        kind=kind,
        receipt=receipt,
        time=datetime.datetime.fromisoformat(time),
        principal=fields["actor"]["principal"] if "actor" in fields else "",
        purpose=fields.get("purpose", ""),
        action=fields.get("action", ""),
        code=fields.get("code", ""),
        result="denied" if kind == "denial" else fields.get("result"),
        access_index=fields.get("access_index"),
        instance=fields.get("instance", ""),
        columns=_columns(fields.get("columns", ())),
        datasets=tuple(sorted(set(fields.get("datasets", ())))),
    )


def commitment_of(payload: bytes, *, salt: bytes) -> str:
    """HMAC-SHA-256 of the payload under its salt, hex."""
    return hmac.digest(salt, payload, hashlib.sha256).hex()


def canonical(document: object) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8; one spelling for one document."""
    return _ENCODER.encode(document).encode()


def escaped(text: str) -> str:
    r"""The text with every unprintable character as `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    That is C0, C1, ANSI's ESC, bidi and zero-width marks, line separators, unusual spaces and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(point: int) -> str:
    if point <= 0xFF:  # noqa: PLR2004 - Python's own escapes have these widths
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - as above


def capped(text: str, *, max_bytes: int) -> str:
    """The text if it fits, else its beginning and a mark, together at most max_bytes of UTF-8."""
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return encoded[: max_bytes - len(CUT.encode())].decode(errors="ignore") + CUT


def _plain(value: object, *, max_bytes: int = MAX_TEXT_BYTES) -> Json:
    """A field as plain JSON values; texts escaped and capped."""
    match value:
        case str():
            return capped(escaped(value), max_bytes=max_bytes)
        case None | bool() | int():
            return value
        case datetime.datetime():
            return _time(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {_plain(name): _plain(item, max_bytes=max_bytes) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise Invalid(f"an entry holds texts, integers, times and lists of them, not {type(value).__name__}", code="entry")


def _time(time: datetime.datetime) -> str:
    if time.tzinfo is None:
        raise Invalid("an entry's time needs a zone", code="entry")
    return time.astimezone(datetime.UTC).isoformat(timespec="microseconds")


def _columns(listed: Iterable[Mapping[str, str]]) -> tuple[ColumnAccess, ...]:
    """Each once, in a fixed order: a query may read one column in two scans."""
    distinct = {(one["dataset"], one["column"], one["level"], one["grant"]) for one in listed}
    return tuple(
        ColumnAccess(dataset=dataset, column=column, level=level, grant=grant)
        for dataset, column, level, grant in sorted(distinct)
    )
