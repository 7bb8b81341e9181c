"""One released column of one stream, looked at batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.masks.buffers import text_parts
from gateway.masks.kernel import Known
from gateway.masks.residual.evidence import Evidence
from gateway.masks.residual.shapes import FIRST_LOOK, SHAPES
from gateway.masks.text.labels import without_labels
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.recognition import Kind

PLACES: Final = 4
"""Candidates of one kind in one text that are looked at."""
MAX_CANDIDATES: Final = 1_024
"""Of one kind in one batch, but for those of which one is enough."""
_OWN: Final[Mapping[str, Kind]] = {"iban": "iban", "pan": "card", "phone": "phone", "email": "email"}
"""What a mask makes up: a regenerated IBAN is a valid IBAN."""
_SHOWN: Final = frozenset({"value", "part"})
_DIGITS: Final = (ord("0"), ord("9"))
_FEW: Final = 8
"""A column that repeats its values so often is looked at by its distinct values."""


def residual_scan(decision: ColumnDecision, *, kind: pa.DataType, rate: float) -> ResidualScan | None:
    """The scan of a released column; None: it has no text, is released in full, or shows nothing of its values."""
    use = decision.mask
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if rate <= 0 or decision.level is not Level.PSEUDONYMIZED or not is_text:
        return None
    if not _SHOWN & MASK_SPECS[use.name].leaks_with(use.parameters):
        return None
    return ResidualScan(column=f"{decision.dataset}.{decision.column}", mask=use.name, rate=min(1.0, rate))


class ResidualScan:
    """What was seen of one column; belongs to one stream."""

    def __init__(self, *, column: str, mask: str, rate: float) -> None:
        own = _OWN.get(mask)
        self._column = column
        self._mask = mask
        self._rate = rate
        self._rows = 0
        self._evidence = {name: Evidence(shape) for name, shape in SHAPES.items() if shape.kind != own}

    def look(self, released: pa.Array, *, known: Mapping[str, Known]) -> None:
        """Look at a batch's column before it is handed on.

        Args:
            released: what the mask gave.
            known: of a text, whose labels may say the pseudonyms in it.

        Raises:
            Integrity: it holds identifiers of a kind.
        """
        texts = self._texts(released, known)
        if not len(texts):
            return
        for name, evidence in self._evidence.items():
            if not evidence.is_full:
                shape = SHAPES[name]
                for candidate in _candidates(texts, shape.candidate, most=None if shape.is_rare else MAX_CANDIDATES):
                    evidence.add(candidate)
                if evidence.is_finding:
                    raise self._finding(shape.kind)

    def _texts(self, released: pa.Array, known: Mapping[str, Known]) -> pa.Array:
        """Rows of the sample that may hold a candidate, as bytes: nothing here may fail on what is no text."""
        places = self._sampled(len(released))
        if not _may_hold(released):
            return pa.array([], pa.binary())
        rows = released if places is None else released.take(places)
        kind = pa.large_binary() if pa.types.is_large_string(rows.type) else pa.binary()
        rows = rows.cast(kind)
        rows = rows if self._mask == "text" else _distinct(rows)
        hits = pc.fill_null(pc.match_substring_regex(rows, FIRST_LOOK), fill_value=False)
        found = rows.filter(hits)
        if self._mask != "text" or not len(found):
            return found
        which = np.flatnonzero(hits.to_numpy(zero_copy_only=False))
        return _outside_labels(found, which if places is None else np.asarray(places)[which], known)

    def _sampled(self, count: int) -> pa.Array | None:
        """Rows to look at, by their place in the stream; None: all."""
        first, self._rows = self._rows, self._rows + count
        if self._rate >= 1:
            return None
        marks = np.floor(np.arange(first, first + count + 1) * self._rate)
        return pa.array(np.flatnonzero(marks[1:] > marks[:-1]))

    def _finding(self, kind: Kind) -> Integrity:
        return Integrity(
            f"column {self._column} shows values of the kind {kind} although its mask is {self._mask}: nothing more of"
            " it is released",
            code="masks.residual",
            fix=f"classify {self._column} as what it holds, or give it a mask that hides {kind}, then activate the"
            " policy again",
        )


def _may_hold(released: pa.Array) -> bool:
    """Whether there is any `@`, or a digit: most columns of words and codes have neither."""
    offsets, body = text_parts(released)
    own = body[int(offsets[0]) : int(offsets[-1])]
    return bool(((own >= _DIGITS[0]) & (own <= _DIGITS[1])).any() or (own == ord("@")).any())


def _distinct(rows: pa.Array) -> pa.Array:
    """Distinct values where the first rows say that they are few."""
    some = rows[: 64 * _FEW]
    if len(rows) <= len(some) or len(some.unique()) * _FEW > len(some):
        return rows
    return rows.unique()


def _outside_labels(found: pa.Array, places: Iterable[int], known: Mapping[str, Known]) -> pa.Array:
    """The texts between the labels that the mask wrote."""
    own = {role: each.pseudonyms for role, each in known.items() if each.pseudonyms is not None}
    texts = []
    for value, place in zip(found.to_pylist(), places, strict=True):
        labels = [label for each in own.values() if (label := each[int(place)].as_py()) is not None]
        texts.append(without_labels(value.decode(errors="replace"), labels).encode())
    return pa.array(texts, pa.large_binary())


def _candidates(texts: pa.Array, pattern: str, *, most: int | None) -> Iterable[str]:
    """The first of each text, then the next where there is one, by RE2 alone."""
    rest = texts
    for _ in range(PLACES):
        rest = rest.filter(pc.match_substring_regex(rest, pattern))
        if not len(rest):
            return
        rest = rest if most is None else rest[:most]
        for value in pc.extract_regex(rest, pattern).field("it").to_pylist():
            yield value.decode("latin-1")
        rest = pc.replace_substring_regex(rest, pattern, "\n", max_replacements=1)
