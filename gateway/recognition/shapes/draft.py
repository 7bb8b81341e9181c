"""A folded text under search: what one search has claimed, the next does not see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.recognition.folding import Folded
from gateway.terms.recognition import Kind, Span

BLANK = "\x00"
"""Stands in place of what is claimed: no letter, no digit, no space; folding leaves none in a text."""


class Piece(NamedTuple):
    """A found piece of a folded text."""

    start: int
    end: int
    kind: Kind | None
    """None: nothing to remove, and nothing for others to look at (a booking date)."""
    is_checked: bool = True


def _ordered(found: Iterable[Piece]) -> list[Piece]:
    """Of those that begin together the longest first."""
    pieces = list(found)
    if len(pieces) > 1:
        pieces.sort(key=lambda piece: (piece.start, -piece.end))
    return pieces


class Draft:
    """A folded text, and the pieces claimed so far."""

    __slots__ = ("folded", "pieces", "text")

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.text = folded.text
        self.pieces: list[Piece] = []
        """What was claimed, in no order, in characters of the folded text."""

    def claim(self, found: Iterable[Piece]) -> None:
        """Take the pieces that touch no earlier one of the same search, and blank them in one copy of the text."""
        kept: list[str] = []
        last = 0
        for piece in _ordered(found):
            if piece.start < last or piece.end <= piece.start:
                continue
            kept += (self.text[last : piece.start], BLANK * (piece.end - piece.start))
            last = piece.end
            self.pieces.append(piece)
        if last:
            self.text = "".join([*kept, self.text[last:]])

    def spans(self) -> list[Span]:
        """Give what is to be removed, in order, in characters of the text as it came."""
        spans = []
        for piece in _ordered(self.pieces):
            if piece.kind is not None:
                start, end = self.folded.back(piece.start, piece.end)
                spans.append(Span(start=start, end=end, kind=piece.kind, is_checked=piece.is_checked))
        return spans
