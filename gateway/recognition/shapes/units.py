"""Addresses of English-speaking countries that are told by a unit (`Apt. 4B`, `Suite 200`), by ZIP, or by a field post.

About a unit, words with capitals, numbers and the small words of names are walked in a window, back to the house number
and on to the postcode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.recognition.shapes import streets
from gateway.recognition.shapes.streets import bare

_UNIT = re.compile(
    r"(?<!\w)(?:[Aa]pt|APT|[Aa]partment|APARTMENT|[Ss]uite|SUITE|[Ff]lat|FLAT|Ste|STE|Unit|UNIT|Level|Floor|Lot)"
    r"\.?,? ?#?[0-9]{1,5}[A-Za-z]?(?!\w)|(?<!\w)#[0-9]{1,5}[A-Za-z]?(?!\w)"
)
_STEMS = ("apt", "apartment", "suite", "flat", "ste", "unit", "level", "floor", "lot", "#")
_ALONE = re.compile(r"(?:[Aa]pt|APT|[Aa]partment|[Ss]uite|SUITE)")
"""Units that are an address by themselves."""
_FIELD_POST = re.compile(
    r"(?<!\w)(?:PSC|CMR|Unit|unit|UNIT|psc|cmr) [0-9]{1,5},? [Bb](?:ox|OX) [0-9]{1,5}"
    r"(?:[ ,]{0,2}\n? ?[AFDafd][Pp][Oo],? [Aa][AEPaep],? [0-9]{5}(?:-[0-9]{4})?)?(?!\w)"
    r"|(?<!\w)(?:USS|USNS|USCGC) [A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20})?[ ,]{0,2}\n? ?"
    r"[AFD]PO,? A[AEP],? [0-9]{5}(?!\w)"
    r"|(?<!\w)[AFD]PO,? A[AEP],? [0-9]{5}(?:-[0-9]{4})?(?!\w)"
)
_PIECE = re.compile(r"[^\s,;:]+")
_GAP = re.compile(r"[ ,]{1,3}|[ ,]{0,2}\n[ ,>]{0,6}")
"""Between two pieces of one address: blanks and commas, one line's end at most."""
_CODE = re.compile(r"[0-9]{4,6}(?:-[0-9]{3,4})?|[A-Z]{1,2}[0-9][A-Z0-9]?|[A-Z][0-9][A-Z]")
"""A postcode, or the first half of a British or Canadian one."""
_SECOND_HALF = re.compile(r" ?[0-9][A-Z][A-Z0-9](?!\w)")
_BACK, _ON = 72, 96
"""Characters before and after a unit that may be its street's, town's and country's."""
_MOST = 9
"""Pieces on each side."""


def find(text: str) -> Iterator[tuple[int, int]]:
    """Give the places of such addresses in a folded text, in no order; they may overlap."""
    lowered = text.lower()
    if "box" in lowered or "po" in lowered:
        for post in _FIELD_POST.finditer(text):
            yield post.start(), post.end()
    if not any(stem in lowered for stem in _STEMS):
        return
    for unit in _UNIT.finditer(text):
        start = _street(text, unit.start())
        if start < unit.start() or _ALONE.match(unit[0]):
            yield start, tail(text, unit.end())


def tail(text: str, end: int) -> int:
    """Give where the postcode ends that names, towns and countries lead to from here; here, where none does."""
    found, has_name = end, False
    for piece in _walk(text, end):
        code = _CODE.fullmatch(piece[0])
        half = _SECOND_HALF.match(text, piece.end()) if code and piece[0][:1].isalpha() else None
        if half:
            return half.end()
        if bare(piece[0]) in streets.ORDINARY:
            break
        if code and piece[0][0].isdigit() and has_name:
            return piece.end()
        has_name = has_name or (len(piece[0]) > 1 and piece[0][0].isupper())
    return found


def _walk(text: str, start: int) -> Iterator[re.Match[str]]:
    """The pieces of an address from here on, in order."""
    last, stop = start, min(len(text), start + _ON)
    for count, piece in enumerate(_PIECE.finditer(text, start, stop)):
        if count == _MOST or _GAP.fullmatch(text, last, piece.start()) is None or not _is_piece(piece[0]):
            return
        yield piece
        last = piece.end()
        if piece[0].endswith((".", "!", "?")) and len(piece[0]) > 4:  # noqa: PLR2004 an abbreviation's length
            return


def _is_piece(piece: str) -> bool:
    return piece[0].isupper() or piece[0].isdigit() or bare(piece) in streets.PARTICLES


def _street(text: str, end: int) -> int:
    """Give where the street before a unit begins: at the first number that only names follow; the unit, if at none."""
    low = max(0, end - _BACK)
    first, last, lines = end, end, 0
    for piece in list(_PIECE.finditer(text, low, end))[: -_MOST - 1 : -1]:
        gap = text[piece.end() : last]
        lines += "\n" in gap
        if _GAP.fullmatch(gap) is None or lines > 1 or not _is_piece(piece[0]) or piece.start() == low > 0:
            break
        last = piece.start()
        if piece[0][0].isdigit():
            first = last
    return first
