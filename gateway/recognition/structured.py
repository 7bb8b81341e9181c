"""Identifiers in a text, told by shape and check digit, and birth dates. Addresses and names are told elsewhere.

A right shape with a wrong check digit is found too, as a span that is not checked. Linear in the text's length: each
search looks at a bounded window about a place, and what one search has claimed the next does not see.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gateway.recognition import dates
from gateway.recognition.folding import Folded, fold
from gateway.recognition.shapes import codes, ibans, numbers, online
from gateway.recognition.shapes.draft import Draft, Piece
from gateway.recognition.shapes.outline import Outline
from gateway.terms.recognition import Span

_LETTER_IN_NUMBER = re.compile(r"[0-9](?:[OoIl]|(?<=[OoIl].))")
_LOOSE_NUMBER = re.compile(r"[0-9OoIl](?<![A-Za-z].)(?:[ .\-/]?[0-9OoIl]){6,40}(?![A-Za-z])")
_READ_AS_DIGITS = str.maketrans("OoIl", "0011")


def find(text: str, *, country_hint: str = "", site: Callable[[str], Iterable[Span]] | None = None) -> list[Span]:
    """Give the identifiers and birth dates of a text, in order and not overlapping.

    Args:
        text: as it came; it is folded here.
        country_hint: two letters, the country that numbers without a country are likely of; empty: none.
        site: finds what a site adds (`SiteRecognizers.find`); where it overlaps ours, the union is ours.
    """
    spans = find_folded(fold(text), country_hint=country_hint)
    return united(spans, site(text)) if site else spans


def united(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """Join two searches' spans: those that overlap become one, of the kind of the first search."""
    spans: list[Span] = []
    ranked = [(span.start, rank, span) for rank, many in enumerate((first, second)) for span in many]
    ranks: list[int] = []
    for _, rank, span in sorted(ranked, key=lambda one: one[:2]):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
            ranks.append(rank)
            continue
        kept = spans[-1] if ranks[-1] <= rank else span
        end = max(spans[-1].end, span.end)
        spans[-1] = dataclasses.replace(kept, start=spans[-1].start, end=end)
        ranks[-1] = min(ranks[-1], rank)
    return spans


def find_folded(folded: Folded, *, country_hint: str = "") -> list[Span]:
    """Do as `find` does, for a text that the caller has folded already; places are those of the original."""
    return _searched([folded], country_hint)[0].spans()


def pieces(texts: Sequence[Folded]) -> list[list[Piece]]:
    """Do as `find_folded` does for each text; places are those of the folded text, and what stays has no kind."""
    return [draft.pieces for draft in _searched(texts, "")]


def _searched(texts: Sequence[Folded], country_hint: str) -> list[Draft]:
    """Search by search over all texts: a search that has just run is a third faster."""
    drafts = [Draft(folded) for folded in texts]
    outlined = [(draft, _outline(draft)) for draft in drafts]
    for is_due, search in _SEARCHES:
        for draft, outline in outlined:
            if is_due(outline):
                draft.claim(search(draft.text))
    for draft, outline in outlined:
        if outline.may_have_number():
            draft.claim(numbers.find(draft.text, hint=country_hint.lower()))
    for draft, outline in outlined:
        if outline.may_have_code():
            draft.claim(codes.codes(draft.text))
    return drafts


def _outline(draft: Draft) -> Outline:
    outline = Outline(draft.text)
    if not outline.may_have_letters_for_digits():
        return outline
    read = _digits_read(draft.text)
    if read == draft.text:
        return outline
    draft.text = read
    return Outline(read)


def _digits_read(text: str) -> str:
    """Put zero and one for O, I and l within long numbers, where they were copied by eye; lengths stay."""
    if _LETTER_IN_NUMBER.search(text) is None:
        return text
    return _LOOSE_NUMBER.sub(_as_digits, text)


def _as_digits(match: re.Match[str]) -> str:
    real = sum(char.isdigit() for char in match[0])
    return match[0].translate(_READ_AS_DIGITS) if 2 * real >= len(match[0]) else match[0]


def _dates(text: str) -> list[Piece]:
    """Birth dates to remove; other dates only so that no number is read into them."""
    return [
        Piece(at.start, at.end, "birth_date" if is_birth else None)
        for at, is_birth in dates.births(text)
        if is_birth or at.is_sure
    ]


_SEARCHES: Final[tuple[tuple[Callable[[Outline], bool], Callable[[str], Iterable[Piece]]], ...]] = (
    (Outline.may_have_link, online.links),
    (Outline.may_have_email, online.emails),
    (Outline.may_have_named, codes.named),
    (Outline.may_have_ledger, online.ledgers),
    (Outline.may_have_mac, online.macs),
    (Outline.may_have_ip, online.ips),
    (Outline.may_have_iban, ibans.find),
    (Outline.may_have_national_from_letter, codes.national_from_letter),
    (Outline.may_have_national_from_digit, codes.national_from_digit),
    (Outline.may_have_date, _dates),
)
"""In this order: what one has claimed, the next does not see. Numbers and codes come last."""
