"""Texts: everything that is to be removed from a note, found in one pass over a batch.

1. Identifiers, addresses and dates by shape and check digit; a site's own recognizers.
2. The row's own values in all their forms.
3. People by title, cue, lists and shape; parts of any subject's name.
4. Where capitalised words stay unexplained: the language's model; where it has none, `strict` removes them.
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
from gateway.terms.recognition import Found, Kind, NameList, Note, Span

MAX_CHARS: Final = 32 * 1024
"""A longer text is removed whole (T13)."""
_PARTS: Final = re.compile(r"[\W_]+")
_MOST_VOCABULARIES: Final = 64


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
        drafts = [self._draft(note, names) for note in notes]
        self._ask_models([draft for draft in drafts if draft is not None])
        return [self._finish(draft, is_strict=is_strict) if draft else Found(is_whole=True) for draft in drafts]

    def _draft(self, note: Note, names: NameList | None) -> _Draft | None:
        if len(note.text) > MAX_CHARS:
            return None
        draft = _Draft(note.text)
        vocabulary = self._vocabulary(draft.language, names)
        draft.tokens.look_up(vocabulary)
        standing.settle(draft.tokens)
        draft.take(structured.find_folded(draft.folded))
        draft.take(addresses.find_folded(draft.folded))
        if self._site is not None:
            draft.take(self._site.find(note.text))
        draft.claim(known.find(note.known, draft.tokens, language=draft.language))
        draft.people.find()
        draft.people.add(draft.seeds)
        return draft

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

    def _finish(self, draft: _Draft, *, is_strict: bool) -> Found:
        if is_strict and not self._models.serves(draft.language):
            unexplained = draft.people.unexplained(has_all_words=draft.language in FREQUENT)
            if unexplained:
                draft.people.add(unexplained)
        return Found(spans=tuple(draft.spans()), language=draft.language)


class _Draft:
    """One note while it is looked at; places are those of the folded text."""

    __slots__ = ("claims", "folded", "language", "people", "seeds", "tokens")

    def __init__(self, text: str) -> None:
        self.folded: Folded = fold(text)
        self.tokens = Tokens(self.folded.text)
        self.language = language.of_words(self.tokens.keys, self.folded.text)
        self.claims: list[Claim] = []
        self.seeds: list[int] = []
        self.people = People(self.tokens, has_capital_nouns=self.language in {"de", ""})

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

    def _claim(self, one: Claim) -> None:
        self.claims.append(one)
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
    for one in sorted(claims, key=lambda claim: (claim.start, -claim.end, claim.own is None, claim.kind)):
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
