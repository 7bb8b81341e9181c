"""E-mail addresses and IBANs of plain ASCII, whatever stands about them: one of them ends an answer (masks.residual).

Whoever writes a text must not end every answer that shows it. So what that net would find in a masked text is removed
here, by the same patterns: between two pieces that are removed as in a whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.recognition.checks import CHECKS
from gateway.recognition.checks.iban import IBAN_LENGTHS, compact
from gateway.terms.recognition import Kind, Span

EMAIL: Final = r"(?P<it>[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]{1,64}@[0-9A-Za-z.-]{3,255})"
IBAN: Final = r"(?:^|[^0-9A-Za-z])(?P<it>[A-Za-z]{2}[0-9]{2}(?:[ .-]?[0-9A-Za-z]){11,40})(?:$|[^0-9A-Za-z])"
"""RE2 reads both as `re` does."""
_EMAIL: Final = re.compile(EMAIL)
_IBAN: Final = re.compile(IBAN)
_HEAD: Final = re.compile(r"[A-Za-z]{2}[0-9]{2}[ .-]?[0-9A-Za-z]")


def is_email(candidate: str) -> bool:
    """Confirm what EMAIL found."""
    return CHECKS["email"].validate(candidate.strip("."))


def is_iban(candidate: str) -> bool | None:
    """Confirm what IBAN found. Whatever letters follow are cut off at the country's length; None: no such country."""
    bare = compact(candidate)
    length = IBAN_LENGTHS.get(bare[:2])
    return None if length is None or len(bare) < length else CHECKS["iban"].validate(bare[:length])


def between(text: str, spans: Sequence[Span]) -> list[Span]:
    """Give those that stand between the spans, which are in order; places are the text's."""
    has_at, has_head = "@" in text, _HEAD.search(text) is not None
    if not has_at and not has_head:
        return []
    found: list[Span] = []
    position = 0
    for end, after in [*((span.start, span.end) for span in spans), (len(text), len(text))]:
        gap = text[position:end]
        if has_at and "@" in gap:
            found += _all(gap, position, _EMAIL, "email")
        if has_head:
            found += _all(gap, position, _IBAN, "iban")
        position = after
    return found


def _all(gap: str, offset: int, pattern: re.Pattern[str], kind: Kind) -> Iterator[Span]:
    confirm = is_email if kind == "email" else is_iban
    position = 0
    while match := pattern.search(gap, position):
        start, position = match.span("it")
        if confirm(match["it"]):
            yield Span(start=offset + start, end=offset + position, kind=kind)
