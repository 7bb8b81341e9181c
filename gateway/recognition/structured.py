"""Identifiers in a text, told by shape and check digit, and birth dates. Addresses and names are told elsewhere.

A right shape with a wrong check digit is found too, as a span that is not checked. Linear in the text's length: each
search looks at a bounded window about a place, and what one search has claimed the next does not see.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable

from gateway.recognition import dates
from gateway.recognition.folding import Folded, fold, words
from gateway.recognition.shapes import codes, ibans, numbers, online
from gateway.recognition.shapes.draft import Draft, Piece
from gateway.terms.recognition import Span

_DIGIT = re.compile(r"[0-9]")
_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){4}")
"""Five digits with little between them: the fewest that any number has."""
_SIX_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){5}")
_TEN_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,16}[0-9]){9}")
"""As few as an IBAN has, between them no more than its letters with separators."""
_DATE_LIKE = re.compile(r"[0-9](?: ?[./-] ?[0-9]{1,2} ?[./-]|(?<=1)9[0-9]|(?<=2)0[0-9])")
_LETTER_AFTER = re.compile(r"[0-9][ .-]?[A-Za-z]")
_LETTER_BESIDE = re.compile(r"[0-9](?:[A-Za-z]|(?<=[A-Za-z].)|(?<=[A-Za-z]-.))")
_LONG_CODE = re.compile(r"[A-Za-z0-9]{26}")
_LETTER_IN_NUMBER = re.compile(r"[0-9](?:[OoIl]|(?<=[OoIl].))")
_LOOSE_NUMBER = re.compile(r"[0-9OoIl](?<![A-Za-z].)(?:[ .\-/]?[0-9OoIl]){6,40}(?![A-Za-z])")
_READ_AS_DIGITS = str.maketrans("OoIl", "0011")
_WRITTEN_AT = re.compile(r"[(\[{] ?[aAkKzZ]")
_NAMING = words(
    """
    user login benutzer nutzername identif utente usuario gebruiker ytkown ivatel bic swift kennz kfz schild plate
    regist mmatr plaque targa matr kenteken rejestr spz rz
    """
)
"""Stems of the words that `codes.named` looks for."""


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
    draft = Draft(folded)
    text = draft.text = _digits_read(folded.text)
    if "://" in text or "www." in text or "WWW." in text:
        draft.claim(online.links(text))
    if "@" in text or _WRITTEN_AT.search(text):
        draft.claim(online.emails(draft.text))
    lowered = text.lower()
    for stem in _NAMING:
        if stem in lowered:
            draft.claim(codes.named(draft.text))
            break
    if _DIGIT.search(draft.text):
        _with_digits(draft, country_hint.lower())
    return draft.spans()


def _digits_read(text: str) -> str:
    """Put zero and one for O, I and l within long numbers, where they were copied by eye; lengths stay."""
    if _LETTER_IN_NUMBER.search(text) is None:
        return text
    return _LOOSE_NUMBER.sub(_as_digits, text)


def _as_digits(match: re.Match[str]) -> str:
    real = sum(char.isdigit() for char in match[0])
    return match[0].translate(_READ_AS_DIGITS) if 2 * real >= len(match[0]) else match[0]


def _with_digits(draft: Draft, hint: str) -> None:
    if _LONG_CODE.search(draft.text):
        draft.claim(online.ledgers(draft.text))
    if ":" in draft.text or "." in draft.text or "-" in draft.text:
        draft.claim(online.machines(draft.text))
    if _TEN_DIGITS.search(draft.text):
        draft.claim(ibans.find(draft.text))
    if _SIX_DIGITS.search(draft.text) and _LETTER_AFTER.search(draft.text):
        draft.claim(codes.national(draft.text))
    if _DATE_LIKE.search(draft.text):
        draft.claim(_dates(draft.text))
    if _DIGITS.search(draft.text):
        draft.claim(numbers.find(draft.text, hint=hint))
    if _LETTER_BESIDE.search(draft.text):
        draft.claim(codes.codes(draft.text))


def _dates(text: str) -> list[Piece]:
    """Birth dates to remove; other dates only so that no number is read into them."""
    return [
        Piece(at.start, at.end, "birth_date" if is_birth else None)
        for at, is_birth in dates.births(text)
        if is_birth or at.is_sure
    ]
