"""Free texts, looked at by the detector and rewritten here: what reads them holds no key, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import pyarrow as pa

from gateway.detector_ports import Detector
from gateway.errors import Integrity
from gateway.masks.kernel import Known, MaskInputs
from gateway.masks.text.labels import REDACTED, rewrite
from gateway.terms.recognition import Found, Note

ROWS: Final = 2_048
"""Texts that are Python's at a time, whatever a source's batch has."""


def text(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """Put labels in the place of what is found.

    A null stays null, an empty text empty; what is no text, or too much of it, is `[REDACTED]`.

    Raises:
        Integrity: there is no detector.
        Unavailable: it does not answer.
    """
    detector = inputs.detector
    if detector is None:
        raise Integrity("the mask text needs a detector", code="masks.detector")
    is_strict = inputs.flag("strict")
    masked: list[str | None] = []
    for start in range(0, len(column), ROWS):
        masked += _masked(column[start : start + ROWS], inputs, detector, start=start, is_strict=is_strict)
    return pa.array(masked, column.type)


def _masked(
    column: pa.Array, inputs: MaskInputs, detector: Detector, *, start: int, is_strict: bool
) -> list[str | None]:
    texts, broken = texts_of(column)
    known = {role: _Rows(each, start, len(column)) for role, each in inputs.known.items()}
    asked = [place for place, each in enumerate(texts) if each]
    notes = [Note(text=texts[place] or "", known=_of(known, place)) for place in asked]
    found = detector.find(notes, names=inputs.names, is_strict=is_strict)
    if len(found) != len(notes):
        raise Integrity("the detector answered about other texts", code="masks.detector")
    for place, note, each in zip(asked, notes, found, strict=True):
        texts[place] = rewrite(note.text, each, _pseudonyms(known, place, each))
    for place in broken:
        texts[place] = REDACTED
    return texts


class _Rows:
    """What is known in one role, for some rows."""

    def __init__(self, known: Known, start: int, count: int) -> None:
        self.values: list[str | None] = known.values[start : start + count].to_pylist()
        own = known.pseudonyms
        self.pseudonyms: list[str | None] = own[start : start + count].to_pylist() if own is not None else []


def _of(known: Mapping[str, _Rows], place: int) -> dict[str, str]:
    return {role: value for role, rows in known.items() if (value := rows.values[place])}


def _pseudonyms(known: Mapping[str, _Rows], place: int, found: Found) -> Mapping[str, str]:
    if not found.spans:
        return {}
    return {
        role: label for role, rows in known.items() if rows.pseudonyms and (label := rows.pseudonyms[place]) is not None
    }


def texts_of(column: pa.Array) -> tuple[list[str | None], list[int]]:
    """The texts, and where there are bytes that are none: a source may deliver any, and they cost themselves alone."""
    try:
        return column.to_pylist(), []
    except UnicodeDecodeError:
        kind = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        decoded = [_decoded(value) for value in column.cast(kind).to_pylist()]
    return [None if each is False else each for each in decoded], [
        place for place, each in enumerate(decoded) if each is False
    ]


def _decoded(value: bytes | None) -> str | Literal[False] | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return False
