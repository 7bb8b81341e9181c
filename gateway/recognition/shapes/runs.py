"""Runs of digit groups in a text: what stands between letters, with its separators and its cue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.recognition.shapes.cues import cue_before

# The first digit comes before what must not stand before it: so the search runs from digit to digit.
_RUN = re.compile(r"[0-9](?<![0-9].)(?<![0-9][.,].)(?:[ \t()./\\-]{0,3}[0-9]){4,40}(?![0-9])")
_OPENING = re.compile(r"(?:\+ ?|\( ?)(?:\( ?|\+ ?)?$")
EXTENSION = r" ?(?:x|ext\.?|Ext\.?|EXT\.?|extension|DW|Dw|Durchwahl|kl\.?|poste|interno) ?[0-9]{1,6}(?![0-9A-Za-z])"
"""What leads on from a telephone number, inside a house."""
_EXTENSION = re.compile(EXTENSION)
_GROUP = re.compile(r"[0-9]+")
_CURRENCY = (
    r"(?:EUR|Eur|eur|Euro|euro|€|USD|\$|GBP|£|CHF|Fr\.|CZK|K[čc]|K[ČC]|PLN|z[łl]|HUF|Ft|SEK|NOK|DKK|kr|RON|lei|%)"
)
_AMOUNT_AFTER = re.compile(rf"(?:[.,]\d\d?)?(?:,-)? ?{_CURRENCY}(?!\w)|,\d\d(?!\d)")
_AMOUNT_BEFORE = re.compile(rf"(?:{_CURRENCY}) ?$")


class Run:
    """One run of a text: its groups of digits, what separates them, and what surrounds it."""

    def __init__(self, text: str, start: int, end: int, *, hint: str) -> None:
        before = text[max(0, start - 4) : start]
        opening = _OPENING.search(before) if "+" in before or "(" in before else None
        self.opening = opening[0].replace(" ", "") if opening else ""
        """What stands before the first digit: `+`, `(`, `(+` or nothing."""
        self.text = text
        self.hint = hint
        """A country, two letters; empty: unknown."""
        self.start = start - len(opening[0]) if opening else start
        is_followed = text[end : end + 1].isalpha() and _EXTENSION.match(text, end) is None
        self.is_glued = is_followed or (start > 0 and text[start - 1].isalpha())
        """A letter touches it: part of a code, or a word written without a space."""
        self._cue: str | None = None
        self.places = [match.span() for match in _GROUP.finditer(text, start, end)]
        self.groups = _GROUP.findall(text, start, end)
        self.sizes = tuple(high - low for low, high in self.places)

    def separators(self, first: int, last: int) -> tuple[str, ...]:
        """What separates the groups first … last, both inclusive, spaces about a sign taken off."""
        return tuple(self.text[self.places[at][1] : self.places[at + 1][0]].strip() or " " for at in range(first, last))

    @property
    def cue(self) -> str:
        """The cue before the run; between its groups stand no letters, so it is the cue of each."""
        if self._cue is None:
            self._cue = cue_before(self.text, self.start)
        return self._cue

    def is_amount(self, first: int, last: int) -> bool:
        """Say whether a currency or decimals stand at the groups first … last."""
        start, end = self.places[first][0], self.places[last][1]
        return bool(_AMOUNT_AFTER.match(self.text, end) or _AMOUNT_BEFORE.search(self.text[max(0, start - 6) : start]))


def runs(text: str, *, hint: str) -> Iterator[Run]:
    """Give the runs of a text, in order; one has 5 to 41 digits and no more than three signs between two."""
    for match in _RUN.finditer(text):
        yield Run(text, match.start(), match.end(), hint=hint)
