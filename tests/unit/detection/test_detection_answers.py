"""What a worker says is held against what it was asked (T13)."""

from __future__ import annotations

import json
import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.detection import answers
from gateway.detection.child.frames import COUNT, NOTE, SPAN
from gateway.detection.child.texts import packed
from gateway.isolation.wire import Malformed
from gateway.terms.recognition import KINDS, ColumnVerdict, Evidence, Found, Note, SampledColumn, SampledTable, Span

NOTES = [Note(text="Anna met Bo", known={"name": "Anna", "email": "a@b"}), Note(text="nothing")]
GOOD = [
    Found(
        spans=(
            Span(start=0, end=4, kind="person", own="name", same_as=1),
            Span(start=9, end=11, kind="person", same_as=2, is_checked=False),
        ),
        language="en",
    ),
    Found(),
]


def told(*heads: tuple[int, bytes, int], spans: tuple[tuple[int, ...], ...] = ()) -> pa.Buffer:
    parts = [COUNT.pack(len(heads)), *(NOTE.pack(*head) for head in heads), *(SPAN.pack(*span) for span in spans)]
    return pa.py_buffer(b"".join(parts))


def test_an_honest_answer_comes_through() -> None:
    payload = pa.py_buffer(packed(NOTES, [(0, each) for each in GOOD]))
    assert answers.found(payload, notes=NOTES) == [("read", each) for each in GOOD]


def test_an_answer_may_be_about_the_first_texts_only() -> None:
    payload = pa.py_buffer(packed(NOTES[:1], [(0, GOOD[0])]))
    assert answers.found(payload, notes=NOTES) == [("read", GOOD[0])]


@pytest.mark.parametrize(("outcome", "name"), [(1, "slow"), (2, "failed")])
def test_a_text_that_was_not_read_is_whole(outcome: int, name: str) -> None:
    assert answers.found(told((outcome, b"\0\0", 0)), notes=NOTES) == [(name, Found(is_whole=True))]


EN = (0, b"en", 1)
LIES = {
    "nothing": pa.py_buffer(b""),
    "no text": told(),
    "more texts than asked": told(*[(0, b"en", 0)] * 3),
    "fewer heads than counted": pa.py_buffer(COUNT.pack(2) + NOTE.pack(0, b"en", 0)),
    "spans that are not there": told((0, b"en", 1)),
    "spans of nobody": told((0, b"en", 0), spans=((0, 1, 0, 0, 0, 0),)),
    "as many spans as fit no memory": told((0, b"en", 2**32 - 1)),
    "half a span": pa.py_buffer(bytes(told(EN, spans=((0, 1, 0, 0, 0, 0),)))[:-1]),
    "beyond the text": told(EN, spans=((0, 12, 0, 0, 0, 0),)),
    "far beyond the text": told(EN, spans=((2**32 - 2, 2**32 - 1, 0, 0, 0, 0),)),
    "empty": told(EN, spans=((3, 3, 0, 0, 0, 0),)),
    "backwards": told(EN, spans=((4, 3, 0, 0, 0, 0),)),
    "overlapping": told((0, b"en", 2), spans=((0, 4, 0, 0, 0, 0), (3, 6, 0, 0, 0, 0))),
    "out of order": told((0, b"en", 2), spans=((5, 6, 0, 0, 0, 0), (0, 1, 0, 0, 0, 0))),
    "a kind that is none": told(EN, spans=((0, 1, len(KINDS), 0, 0, 0),)),
    "a role that the note does not have": told(EN, spans=((0, 1, 0, 3, 0, 0),)),
    "equal to more than there are": told(EN, spans=((0, 1, 0, 0, 2, 0),)),
    "an outcome that is none": told((3, b"en", 0)),
    "spans in a text that was not read": told((1, b"en", 1), spans=((0, 1, 0, 0, 0, 0),)),
    "a language that is none": told((0, b"E\xff", 0)),
    "half a language": told((0, b"e\0", 0)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(lie: str) -> None:
    with pytest.raises(Malformed):
        answers.found(LIES[lie], notes=NOTES)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_fit_the_question(payload: bytes) -> None:
    try:
        found = answers.found(pa.py_buffer(payload), notes=NOTES)
    except Malformed:
        return
    assert 0 < len(found) <= len(NOTES)
    for note, (_, each) in zip(NOTES, found, strict=False):
        last = 0
        for span in each.spans:
            assert last <= span.start < span.end <= len(note.text)
            assert span.own is None or span.own in note.known
            last = span.end


TABLE = SampledTable(name="t", columns=(SampledColumn(name="c", type=pa.string(), values=()),))
VERDICT: dict[str, Any] = {
    "classification": "public",
    "kind": "category",
    "confidence": 0.8,
    "evidence": [["check:iban", 3, 40]],
    "is_dimension": True,
}


def payload(*verdicts: object) -> pa.Buffer:
    return pa.py_buffer(json.dumps(verdicts).encode())


def test_an_honest_verdict_comes_through() -> None:
    assert answers.verdicts(payload(VERDICT), table=TABLE) == [
        ColumnVerdict(
            column="c",
            classification="public",
            kind="category",
            confidence=0.8,
            evidence=(Evidence(rule="check:iban", matched=3, tried=40),),
            is_dimension=True,
        )
    ]
    assert answers.verdicts(pa.py_buffer(b"null"), table=TABLE) is None


WRONG: dict[str, object] = {
    "classification": "harmless",
    "kind": "Anna Weber 4711",
    "confidence": 1.5,
    "evidence": [["the value is Anna Weber", 1, 1]],
    "is_dimension": "yes",
}


@pytest.mark.parametrize("field", WRONG)
def test_a_verdict_has_no_room_for_a_value(field: str) -> None:
    with pytest.raises(Malformed):
        answers.verdicts(payload({**VERDICT, field: WRONG[field]}), table=TABLE)


@pytest.mark.parametrize(
    "evidence",
    [
        ["check:iban", 1, 10**11],
        ["check:iban", "1", 2],
        ["check:iban", -1, 2],
        ["x"],
        "x",
        [1, 1, 1],
    ],
    ids=str,
)
def test_evidence_is_a_rule_and_two_counts(evidence: object) -> None:
    with pytest.raises(Malformed):
        answers.verdicts(payload({**VERDICT, "evidence": [evidence]}), table=TABLE)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b"[null]",
        b"[[]]",
        b"[{}]",
        b"\xff",
        b"[" * 100_000,
        b'[{"kind": NaN}]',
        struct.pack(">Q", 1),
    ],
    ids=lambda said: repr(said[:12]),
)
def test_what_is_no_list_of_verdicts_is_refused(said: bytes) -> None:
    with pytest.raises(Malformed):
        answers.verdicts(pa.py_buffer(said), table=TABLE)


def test_too_much_evidence_is_refused() -> None:
    with pytest.raises(Malformed):
        answers.verdicts(payload({**VERDICT, "evidence": VERDICT["evidence"] * 51}), table=TABLE)
