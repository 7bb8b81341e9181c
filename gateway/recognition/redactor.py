"""Texts: everything that is to be removed from a note, found in one pass over a batch.

1. Identifiers, addresses and dates by shape and check digit; a site's own recognizers.
2. The row's own values in all their forms.
3. People by title, cue, lists and shape; parts of any subject's name.
4. Where capitalised words stay unexplained: the language's model; `strict` removes those that stay after it.
5. Pieces that overlap become one; equal values get one number.

Depends on the note, the list of names and `is_strict` alone: not on the batch, not on other notes, not on their order.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from gateway.recognition import addresses, known, language, standing, structured
from gateway.recognition.folding import Folded, fold
from gateway.recognition.known import Claim, compacted
from gateway.recognition.names import FREQUENT, PLACE
from gateway.recognition.names.tokens import CAPITAL, COMMON, NAME, WORD, Tokens, Vocabulary
from gateway.recognition.ner import Models
from gateway.recognition.residual import People
from gateway.recognition.shapes import plain
from gateway.recognition.shapes.draft import Piece
from gateway.terms.recognition import Found, Kind, NameList, Note, Span

MAX_CHARS: Final = 32 * 1024
"""A longer text is removed whole (T13)."""
_PARTS: Final = re.compile(r"[\W_]+")
_MOST_VOCABULARIES: Final = 64
_MOST_ROUNDS: Final = 16


class Site(Protocol):
    """A site's own recognizers."""

    def find(self, text: str) -> list[Span]:
        """Give spans in characters of the text as it came."""


class TextRecognizer:
    """Finds personal data in notes. Not for several threads at once: each worker has its own."""

    def __init__(
        self,
        *,
        site: Site | None = None,
        models: Mapping[str, str] | None = None,
        before_model: Callable[[int], None] | None = None,
    ) -> None:
        """Keep the settings; lists and models are read when a note needs them.

        Args:
            site: the site's own recognizers.
            models: packages with language models by language (`ner.Models`).
            before_model: told how many characters a model is about to read.
        """
        self._site = site
        self._models = Models(models or {}, before=before_model)
        self._vocabularies: dict[tuple[str, str], Vocabulary] = {}

    def load(self) -> None:
        """Load the models now, not with the first note that needs one.

        Raises:
            Unavailable: a model that the settings name is missing.
        """
        self._models.load()

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        """Give what was found in each note, in order.

        Raises:
            Unavailable: a model that the settings name is missing.
        """
        drafts = _drafts([note for note in notes if len(note.text) <= MAX_CHARS])
        self._search(drafts, names)
        self._ask_models(drafts)
        if is_strict:
            self._be_strict(drafts)
        found = (draft.found() for draft in drafts)
        return [next(found) if len(note.text) <= MAX_CHARS else Found(is_whole=True) for note in notes]

    def _search(self, drafts: Sequence[_Draft], names: NameList | None) -> None:
        """Step by step over all notes: a step that has just run is a third faster."""
        for draft in drafts:
            draft.tokens.look_up(self._vocabulary(draft.language, names))
            standing.settle(draft.tokens)
        for draft, pieces in zip(drafts, structured.pieces([draft.folded for draft in drafts]), strict=True):
            draft.take_pieces(pieces)
        for draft in drafts:
            draft.take(addresses.find_folded(draft.folded))
        if self._site is not None:
            for draft in drafts:
                draft.take(self._site.find(draft.note.text))
        asked = [(draft.note.known, draft.tokens, draft.language) for draft in drafts]
        for draft, claims in zip(drafts, known.find_in(asked), strict=True):
            draft.claim(claims)
        for draft in drafts:
            draft.people.find()
        for draft in drafts:
            draft.people.add(draft.seeds)

    def _vocabulary(self, tongue: str, names: NameList | None) -> Vocabulary:
        key = (tongue, names.id if names else "")
        held = self._vocabularies.get(key)
        if held is None:
            if len(self._vocabularies) >= _MOST_VOCABULARIES:
                self._vocabularies.clear()
            held = self._vocabularies[key] = Vocabulary(tongue, names)
        return held

    def _ask_models(self, drafts: Sequence[_Draft]) -> None:
        """Let each language's model look at the notes of its language in which words stay unexplained."""
        by_language: dict[str, list[_Draft]] = {}
        for draft in drafts:
            if self._models.serves(draft.language) and draft.people.unknown():
                by_language.setdefault(draft.language, []).append(draft)
        for tongue, asked in by_language.items():
            texts = [draft.folded.text for draft in asked]
            for draft, places in zip(asked, self._models.people(texts, language=tongue), strict=True):
                draft.people.add(number for start, end in places for number in draft.people_in(start, end))

    def _be_strict(self, drafts: Sequence[_Draft]) -> None:
        for draft in drafts:
            unexplained = draft.people.unexplained(has_all_words=draft.language in FREQUENT)
            if unexplained:
                draft.people.add(unexplained)


def _drafts(notes: Sequence[Note]) -> list[_Draft]:
    folded = [fold(note.text) for note in notes]
    tokens = [Tokens(one.text) for one in folded]
    return [_Draft(*parts) for parts in zip(notes, folded, tokens, strict=True)]


class _Draft:
    """One note while it is looked at; places are those of the folded text."""

    __slots__ = ("claims", "folded", "language", "note", "people", "seeds", "tokens")

    def __init__(self, note: Note, folded: Folded, tokens: Tokens) -> None:
        self.note = note
        self.folded = folded
        self.tokens = tokens
        self.language = language.of_words(tokens.keys, folded.text)
        self.claims: list[Claim] = []
        self.seeds: list[int] = []
        self.people = People(self.tokens, has_capital_nouns=self.language == "de")

    def take_pieces(self, pieces: Iterable[Piece]) -> None:
        """Take what was found by shape, but for what stays."""
        for start, end, kind, is_checked in pieces:
            if kind is not None:
                self._claim(Claim(start, end, kind, None, is_checked))

    def take(self, spans: Iterable[Span]) -> None:
        """Take spans of the text as it came."""
        for span in spans:
            start, end = self._forth(span.start), self._forth(span.end)
            self._claim(Claim(start, max(end, start + 1), span.kind, span.own, span.is_checked))

    def claim(self, claims: Iterable[Claim]) -> None:
        """Take claims of the row's values; a single part of a name is a seed for what stands beside it."""
        for one in claims:
            if one.kind == "person" and one.own is None:
                self.seeds += self._words_in(one.start, one.end)
            else:
                self._claim(one)

    def people_in(self, start: int, end: int) -> Iterator[int]:
        """Words of a model's finding that can be names: capitalised, and no ordinary words or places alone."""
        for number in self._words_in(start, end):
            bits = self.tokens.bits[number]
            if bits & CAPITAL and not bits & COMMON and (not bits & (WORD | PLACE) or bits & NAME):
                yield number

    def spans(self) -> Iterator[Span]:
        """Give the merged pieces in order, in characters of the text as it came."""
        text = self.folded.text
        people = [Claim(start, end, "person") for start, end in self.people.spans()]
        numbers: dict[tuple[Kind, str], int] = {}
        counts: dict[Kind, int] = {}
        for one in _merged([*self.claims, *people]):
            value = f"own {one.own}" if one.own else _normalised(one.kind, text[one.start : one.end])
            if (one.kind, value) not in numbers:
                counts[one.kind] = numbers[one.kind, value] = counts.get(one.kind, 0) + 1
            start, end = self.folded.back(one.start, one.end)
            yield Span(
                start=start,
                end=end,
                kind=one.kind,
                own=one.own,
                same_as=numbers[one.kind, value],
                is_checked=one.is_checked,
            )

    def found(self) -> Found:
        """The pieces, and what they leave between them: a piece's end may be another's beginning."""
        for _ in range(_MOST_ROUNDS):
            spans = tuple(self.spans())
            left = plain.between(self.note.text, spans)
            if not left:
                return Found(spans=spans, language=self.language)
            self.take(left)
        return Found(is_whole=True)

    def _claim(self, one: Claim) -> None:
        self.claims.append(one)
        if one.kind == "person":
            self.people.named.update(self.tokens.words[number] for number in self._words_in(one.start, one.end))
        for number in self._words_in(one.start, one.end):
            self.tokens.bits[number] = 0

    def _words_in(self, start: int, end: int) -> range:
        """Words that share a character with [start, end)."""
        return range(bisect.bisect_right(self.tokens.ends, start), bisect.bisect_left(self.tokens.starts, end))

    def _forth(self, place: int) -> int:
        at = self.folded.at
        return place if isinstance(at, range) else bisect.bisect_left(at, place)


def _normalised(kind: Kind, piece: str) -> str:
    """What tells two values of a kind apart: a name's words in any order, of others the letters and digits."""
    if kind == "person":
        return " ".join(sorted(compacted(word) for word in _PARTS.split(piece)))
    return compacted(piece)


def _merged(claims: list[Claim]) -> list[Claim]:
    """Pieces in order without overlap: where two overlap, all that either covers goes, as the longer one's kind."""
    found: list[Claim] = []
    if len(claims) > 1:
        claims = sorted(claims, key=lambda claim: (claim.start, -claim.end, claim.own is None, claim.kind))
    for one in claims:
        if not found or one.start >= found[-1].end:
            found.append(one)
            continue
        found[-1] = _union(found[-1], one)
    return found


def _union(before: Claim, one: Claim) -> Claim:
    longer, other = (one, before) if one.end - one.start > before.end - before.start else (before, one)
    own = longer.own or (other.own if other.kind == longer.kind else None)
    return longer._replace(
        start=min(before.start, one.start),
        end=max(before.end, one.end),
        own=own,
        is_checked=longer.is_checked and (other.is_checked or other.kind != longer.kind),
    )
