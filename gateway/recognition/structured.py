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
from gateway.recognition.shapes.outline import Outline
from gateway.terms.recognition import Span

_LETTER_IN_NUMBER = re.compile(r"[0-9](?:[OoIl]|(?<=[OoIl].))")
_LOOSE_NUMBER = re.compile(r"[0-9OoIl](?<![A-Za-z].)(?:[ .\-/]?[0-9OoIl]){6,40}(?![A-Za-z])")
_READ_AS_DIGITS = str.maketrans("OoIl", "0011")
_WRITTEN_AT = re.compile(r"[(\[{] ?[aAkKzZ]")
_LOGINS = words("user login benutzer nutzername identif utente usuario gebruiker ytkown ivatel")
_BICS = words("bic swift")
_PLATES = words("kennz kfz schild plate regist mmatr plaque targa matr kenteken rejestr spz rz")
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
    return _searched(folded, country_hint).spans()


def pieces(folded: Folded) -> list[Piece]:
    """Do as `find_folded` does; in no order, places are those of the folded text, and what stays has no kind."""
    return _searched(folded, "").pieces


def _searched(folded: Folded, country_hint: str) -> Draft:
    draft, outline = Draft(folded), Outline(folded.text)
    if outline.may_have_letters_for_digits():
        draft.text = _digits_read(folded.text)
        outline = outline if draft.text == folded.text else Outline(draft.text)
    text, lowered = draft.text, draft.text.lower()
    if "://" in lowered or "www." in lowered:
        draft.claim(online.links(text))
    if "@" in text or _WRITTEN_AT.search(text):
        draft.claim(online.emails(draft.text))
    if _is_named(lowered, outline):
        draft.claim(codes.named(draft.text))
    if outline.has_digits():
        _with_digits(draft, outline, country_hint.lower())
    return draft


def _is_named(lowered: str, outline: Outline) -> bool:
    """Say whether a word stands here that `codes.named` looks for, and the sign or digit that it needs beside it."""
    return (
        _holds_any(lowered, _BICS)
        or (outline.has_digits() and _holds_any(lowered, _PLATES))
        or ((":" in lowered or "=" in lowered) and _holds_any(lowered, _LOGINS))
    )


def _holds_any(text: str, stems: tuple[str, ...]) -> bool:
    for stem in stems:  # noqa: SIM110 `any` over a generator takes twice as long
        if stem in text:
            return True
    return False


def _digits_read(text: str) -> str:
    """Put zero and one for O, I and l within long numbers, where they were copied by eye; lengths stay."""
    if _LETTER_IN_NUMBER.search(text) is None:
        return text
    return _LOOSE_NUMBER.sub(_as_digits, text)


def _as_digits(match: re.Match[str]) -> str:
    real = sum(char.isdigit() for char in match[0])
    return match[0].translate(_READ_AS_DIGITS) if 2 * real >= len(match[0]) else match[0]


def _with_digits(draft: Draft, outline: Outline, hint: str) -> None:
    if outline.may_have_ledger():
        draft.claim(online.ledgers(draft.text))
    if outline.may_have_mac():
        draft.claim(online.macs(draft.text))
    if outline.may_have_ip():
        draft.claim(online.ips(draft.text))
    if outline.may_have_iban():
        draft.claim(ibans.find(draft.text))
    if outline.may_have_national_from_letter():
        draft.claim(codes.national_from_letter(draft.text))
    if outline.may_have_national_from_digit():
        draft.claim(codes.national_from_digit(draft.text))
    if outline.may_have_date():
        draft.claim(_dates(draft.text))
    if outline.may_have_number():
        draft.claim(numbers.find(draft.text, hint=hint))
    if outline.may_have_code():
        draft.claim(codes.codes(draft.text))


def _dates(text: str) -> list[Piece]:
    """Birth dates to remove; other dates only so that no number is read into them."""
    return [
        Piece(at.start, at.end, "birth_date" if is_birth else None)
        for at, is_birth in dates.births(text)
        if is_birth or at.is_sure
    ]
