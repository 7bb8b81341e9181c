"""What a redactor missed and what it took too much, counted. Figures only: no text is ever printed."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.quality.notes import Labelled

ENOUGH: Final = 0.8
"""Share of a piece's letters and digits that must be covered for it to count as found."""
STRUCTURED: Final = frozenset({"IBAN", "CARD", "PHONE", "EMAIL", "NATID", "DOB", "ACCOUNT", "IP"})
Places = Iterable[tuple[int, int]]


@dataclasses.dataclass(slots=True, kw_only=True)
class Score:
    """Counts over many notes."""

    pieces: collections.Counter[tuple[str, str, str]] = dataclasses.field(default_factory=collections.Counter)
    """By kind, whose, language."""
    found: collections.Counter[tuple[str, str, str]] = dataclasses.field(default_factory=collections.Counter)
    notes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """With something to find, by language."""
    leaks: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """With any miss, by language."""
    harmless: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Letters and digits outside all pieces, by language."""
    taken: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Of these, removed."""

    def add(self, note: Labelled, places: Places) -> None:
        """Count one note."""
        covered = bytearray(len(note.text))
        for start, end in places:
            covered[start:end] = b"\x01" * (end - start)
        labelled, missed, wanted = bytearray(len(note.text)), False, False
        for label in note.labels:
            letters = [at for at in range(label.start, label.end) if note.text[at].isalnum()]
            labelled[label.start : label.end] = b"\x01" * (label.end - label.start)
            if label.whose == "neutral":
                continue
            is_found = sum(covered[at] for at in letters) >= ENOUGH * len(letters)
            key = (label.kind, label.whose, note.language)
            self.pieces[key] += 1
            self.found[key] += is_found
            missed, wanted = missed or not is_found, True
        self.notes[note.language] += wanted
        self.leaks[note.language] += missed
        rest = [at for at, char in enumerate(note.text) if char.isalnum() and not labelled[at]]
        self.harmless[note.language] += len(rest)
        self.taken[note.language] += sum(covered[at] for at in rest)

    def recall(self, kind: str | None = None, whose: str | None = None, language: str | None = None) -> float | None:
        """Share of the pieces found; None: there are none."""
        keys = [
            key
            for key in self.pieces
            if (kind is None or key[0] == kind) and whose in {None, key[1]} and language in {None, key[2]}
        ]
        total = sum(self.pieces[key] for key in keys)
        return sum(self.found[key] for key in keys) / total if total else None

    def structured(self) -> float | None:
        """Share of the pieces found that have a shape or check digit."""
        keys = [key for key in self.pieces if key[0] in STRUCTURED]
        total = sum(self.pieces[key] for key in keys)
        return sum(self.found[key] for key in keys) / total if total else None

    @property
    def leak(self) -> float:
        """Share of the notes with something to find in which anything was missed."""
        return sum(self.leaks.values()) / max(1, sum(self.notes.values()))

    @property
    def over(self) -> float:
        """Share of the harmless letters and digits that were removed."""
        return sum(self.taken.values()) / max(1, sum(self.harmless.values()))

    def lines(self) -> Iterator[str]:
        """Figures by kind and whose, and by language."""
        yield f"leak {self.leak:.3f}  over-redacted {self.over:.3f}  structured {_share(self.structured())}"
        for kind in sorted({key[0] for key in self.pieces}):
            sides = [f"{whose} {_share(self.recall(kind, whose))}" for whose in ("own", "other")]
            yield f"  {kind:9s} {'  '.join(sides)}"
        for language in sorted(self.notes):
            persons = [f"{whose} {_share(self.recall('PERSON', whose, language))}" for whose in ("own", "other")]
            leak = self.leaks[language] / max(1, self.notes[language])
            over = self.taken[language] / max(1, self.harmless[language])
            yield f"  {language}: leak {leak:.3f}  over-redacted {over:.3f}  persons {'  '.join(persons)}"


def _share(value: float | None) -> str:
    return "   -" if value is None else f"{value:.3f}"


def score(notes: Sequence[Labelled], found: Iterable[Places]) -> Score:
    """Count all notes."""
    total = Score()
    for note, places in zip(notes, found, strict=True):
        total.add(note, places)
    return total
