"""A detector that finds the words it is told, and decisions about texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, KnownColumn, Level, RuleRef
from gateway.terms.recognition import ColumnVerdict, Found, Kind, NameList, Note, SampledTable, Span

SUBJECT = AuxiliaryColumn(role="subject", column="subject", type=pa.int64(), domain="customer", canon="integer_text")


class Finds:
    """Finds these words, and each row's own values, wherever they stand."""

    def __init__(self, words: Mapping[str, Kind] | None = None, *, whole: Sequence[str] = ()) -> None:
        self._words = words or {}
        self._whole = whole
        self.asked: list[tuple[tuple[Note, ...], NameList | None, bool]] = []

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        self.asked.append((tuple(notes), names, is_strict))
        return [self._found(note) for note in notes]

    def classify(self, table: SampledTable) -> list[ColumnVerdict]:
        raise NotImplementedError

    def _found(self, note: Note) -> Found:
        if note.text in self._whole:
            return Found(is_whole=True)
        words: dict[str, tuple[Kind, str | None]] = {word: (kind, None) for word, kind in self._words.items()}
        for role, value in note.known.items():
            words[value] = ("person" if role == "name" else "iban" if role == "iban" else "other", role)
        numbers = {word: place for place, word in enumerate(words, 1)}
        spans = [
            Span(start=m.start(), end=m.end(), kind=kind, own=role, same_as=numbers[word])
            for word, (kind, role) in words.items()
            for m in re.finditer(re.escape(word), note.text)
        ]
        return Found(spans=tuple(sorted(spans, key=lambda span: span.start)))


def known(role: str, *, mask: MaskUse | None = None, type_: pa.DataType | None = None) -> KnownColumn:
    return KnownColumn(
        role=role,
        dataset="core.customers",
        table=("customers",),
        column=role,
        type=type_ or pa.string(),
        on=(("subject", "id"),),
        mask=mask,
        domain="customer" if role == "name" else role,
        canon="exact",
    )


def text_decision(*about: KnownColumn, column: str = "note", **parameters: bool) -> ColumnDecision:
    return ColumnDecision(
        dataset="core.notes",
        column=column,
        level=Level.PSEUDONYMIZED,
        mask=MaskUse(name="text", parameters=parameters),
        domain=None,
        canon=None,
        use="value",
        rule=RuleRef(file="levels.yaml", line=1, id="test"),
        auxiliary=(SUBJECT,),
        known=about,
    )
