"""From bytes of a worker to what was found: whatever does not fit the question is refused (T13).

A worker that reads hostile texts may be theirs. What it can still do is to find less than there is, or more; it cannot
name a place outside the text, a role that the note does not have, or text of its own.
"""

from __future__ import annotations

import itertools
import json
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from gateway.detection.child.frames import COUNT, NOTE, OUTCOMES, SPAN
from gateway.isolation.wire import Malformed
from gateway.terms.dataset import CLASSIFICATIONS
from gateway.terms.recognition import KINDS, ColumnVerdict, Evidence, Found, Note, SampledTable, Span

MAX_EVIDENCE: Final = 50
MAX_TRIED: Final = 10_000_000
"""Values of a sample that a rule was tried on: far more than any sample has, far less than a number of an account."""
_UNKNOWN: Final = b"\0\0"
_LANGUAGE: Final = re.compile(rb"[a-z]{2}|\0\0")
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RULE: Final = re.compile(r"[a-z][a-z0-9_:.×/ -]{0,79}")
"""A few words of the classifier's own. The catalog shows them, so no sentence and no number of a value fits."""


def found(payload: pa.Buffer, *, notes: Sequence[Note]) -> list[tuple[str, Found]]:
    """How it went (of OUTCOMES) and what was found in the first of these notes, at least in one.

    Raises:
        Malformed: another size, place, order, kind, role or language than an answer about them has.
    """
    try:
        return _found(memoryview(payload), notes)
    except (struct.error, IndexError):
        raise Malformed("an answer that is none") from None


def _found(view: memoryview, notes: Sequence[Note]) -> list[tuple[str, Found]]:
    (count,) = COUNT.unpack_from(view, 0)
    if not 0 < count <= len(notes):
        raise Malformed("an answer about other texts")
    start = COUNT.size + count * NOTE.size
    heads = list(NOTE.iter_unpack(view[COUNT.size : start]))
    if len(heads) != count or len(view) != start + sum(head[2] for head in heads) * SPAN.size:
        raise Malformed("an answer of another size")
    spans = SPAN.iter_unpack(view[start:])
    return [_one(note, head, spans) for note, head in zip(notes, heads, strict=False)]


def _one(note: Note, head: tuple[int, bytes, int], told: Iterator[tuple[Any, ...]]) -> tuple[str, Found]:
    outcome, language, number = head
    if not _LANGUAGE.fullmatch(language):
        raise Malformed("a language that is none")
    if outcome:
        if number:
            raise Malformed("spans in a text that was not read")
        return OUTCOMES[outcome], Found(is_whole=True)
    said = "" if language == _UNKNOWN else language.decode()
    if not number:
        return OUTCOMES[outcome], Found(language=said)
    last, size, roles, spans = 0, len(note.text), (None, *note.known), []
    for start, end, kind, role, same_as, checked in itertools.islice(told, number):
        if not last <= start < end <= size or same_as > number:
            raise Malformed("a span outside of its text or out of order")
        spans.append(Span(start=start, end=end, kind=KINDS[kind], own=roles[role], same_as=same_as, is_checked=checked))
        last = end
    return OUTCOMES[outcome], Found(spans=tuple(spans), language=said)


def verdicts(payload: pa.Buffer, *, table: SampledTable) -> list[ColumnVerdict] | None:
    """One for each column, in order; None: the table could not be classified.

    Raises:
        Malformed: not such a list.
    """
    try:
        told = json.loads(payload.to_pybytes())
        if told is None:
            return None
        if not isinstance(told, list) or len(told) != len(table.columns):
            raise Malformed("verdicts about other columns")
        return [_verdict(each, column=column.name) for each, column in zip(told, table.columns, strict=True)]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Malformed("a verdict that is none") from None


def _verdict(told: dict[str, Any], *, column: str) -> ColumnVerdict:
    evidence = told["evidence"]
    confidence = float(told["confidence"])
    fits = told["classification"] in CLASSIFICATIONS and _KIND.fullmatch(told["kind"]) and 0 <= confidence <= 1
    if not fits or len(evidence) > MAX_EVIDENCE or told["is_dimension"] not in (True, False):
        raise Malformed("a verdict that is none")
    return ColumnVerdict(
        column=column,
        classification=told["classification"],
        kind=told["kind"],
        confidence=confidence,
        evidence=tuple(_evidence(*each) for each in evidence),
        is_dimension=bool(told["is_dimension"]),
    )


def _evidence(rule: str, matched: object, tried: object) -> Evidence:
    if not _RULE.fullmatch(rule):
        raise Malformed("evidence that is none")
    return Evidence(rule=rule, matched=_count(matched), tried=_count(tried))


def _count(told: object) -> int:
    if not isinstance(told, int) or not 0 <= told <= MAX_TRIED:
        raise Malformed("a count that is none")
    return told
