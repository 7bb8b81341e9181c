"""Addresses that are told by a unit (`Apt. 4B`, `Suite 200`), by ZIP, by a field post, or as the corner of two streets.

About a unit, words with capitals, numbers and the small words of names are walked in a window, back to the house number
and on to the postcode, town or country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.recognition.names import FIRST, PLACE, lexicon
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
    r"|(?<!\w)(?:USS|USNS|USCGC|uss|usns|uscgc) [A-Za-z][\w'-]{1,20}(?: [A-Za-z][\w'-]{1,20})?[ ,]{0,2}\n? ?"
    r"[AFDafd][Pp][Oo],? [Aa][AEPaep],? [0-9]{5}(?!\w)"
    r"|(?<!\w)[AFDafd][Pp][Oo],? [Aa][AEPaep],? [0-9]{5}(?:-[0-9]{4})?(?!\w)"
)
_PIECE = re.compile(r"[^\s,;:>|*?]+")
_GAP = re.compile(r"[ ,]{1,3}|[ ,]{0,2}\n[ ,>|*?]{0,6}(?:\n[ >|*?]{0,6})?")
"""Between two pieces of one address: blanks and commas, one line's end, an empty line at most, signs of quoting."""
_CODE = re.compile(r"[0-9]{4,6}(?:-[0-9]{3,4})?|[A-Z]{1,2}[0-9][A-Z0-9]?|[A-Z][0-9][A-Z]")
"""A postcode, or the first half of a British or Canadian one."""
_SECOND_HALF = re.compile(r" ?[0-9][A-Z][A-Z0-9](?!\w)")
_STATE = re.compile(r"[A-Z]{2,3}")
_CORNER = re.compile(r"(?<!\w)(?:[Cc]orner|[Ii]ntersection|[Jj]unction) of (?=[\w])")
_CODE_AFTER = re.compile(r",? [0-9]{4,6}(?![0-9.,/-])")
_MOST_BEFORE_COUNTRY = 3
_BACK, _ON = 72, 96
"""Characters before and after a unit that may be its street's, town's and country's."""
_ANDS = frozenset({"and", "&"})
_INNER = _ANDS | streets.AFTER_NAME_STRONG | {"str", "str.", "st", "st.", "ul."}
_MOST = 9
"""Pieces on each side."""


def find(text: str) -> Iterator[tuple[int, int]]:
    """Give the places of such addresses in a folded text, in no order; they may overlap."""
    lowered = text.lower()
    if "box" in lowered or "po" in lowered:
        for post in _FIELD_POST.finditer(text):
            yield post.start(), post.end()
    if "corner of " in lowered or "ction of " in lowered:
        yield from _corners(text)
    if not any(stem in lowered for stem in _STEMS):
        return
    for unit in _UNIT.finditer(text):
        start = _street(text, unit.start())
        if start < unit.start() or _ALONE.match(unit[0]):
            yield start, tail(text, unit.end())


def country(text: str, end: int) -> int:
    """Give where the country ends that begins here after a comma or a line's end; here, where none does."""
    if text[end : end + 1] not in {",", "\n"}:
        return end
    for count, piece in enumerate(_walk(text, end)):
        if bare(piece[0]) in streets.COUNTRIES:
            land = piece.start() + len(piece[0].rstrip("."))
            code = _CODE_AFTER.match(text, land)
            return code.end() if code else land
        if count == _MOST_BEFORE_COUNTRY or not piece[0][0].isupper():
            break
    return end


def _corners(text: str) -> Iterator[tuple[int, int]]:
    """`the corner of King Street and Queen Street`."""
    for corner in _CORNER.finditer(text):
        end, streets_met, is_fresh = corner.end(), 0, True
        for piece in _walk(text, corner.end() - 1, inner=_INNER):
            if piece[0] in _ANDS:
                is_fresh = True
            elif bare(piece[0]) not in streets.PARTICLES:
                end, streets_met, is_fresh = piece.end(), streets_met + is_fresh, False
        if streets_met > 1:
            yield corner.start(), end


def _is_end(text: str, piece: re.Match[str], *, has_name: bool) -> bool:
    """A country; on the lines right after, a known town or, after a name, a state's letters."""
    name = bare(piece[0].rstrip("?!."))
    if name in streets.COUNTRIES:
        return True
    if text[piece.end() : piece.end() + 1] == ":" or "\n\n" in text[max(0, piece.start() - 4) : piece.start()]:
        return False
    bits = lexicon().get(name, 0)
    return bool(bits & PLACE and not bits & FIRST) or (has_name and _STATE.fullmatch(piece[0]) is not None)


def tail(text: str, end: int) -> int:
    """Give where the postcode or place ends that names lead to from here; here, where none does."""
    found, has_name = end, False
    is_apart = text[end : end + 1] != " " or not text[end - 5 : end].isdigit()
    for piece in _walk(text, end):
        code = _CODE.fullmatch(piece[0])
        half = _SECOND_HALF.match(text, piece.end()) if code and piece[0][:1].isalpha() else None
        if half:
            return half.end()
        if bare(piece[0]) in streets.ORDINARY:
            break
        if code and piece[0][0].isdigit() and has_name:
            return piece.end()
        if piece[0][0].isupper() and (is_apart or has_name) and _is_end(text, piece, has_name=has_name):
            found = piece.start() + len(piece[0].rstrip("?!."))
        has_name = has_name or (len(piece[0]) > 1 and piece[0][0].isupper())
    return found


def _walk(text: str, start: int, inner: frozenset[str] = frozenset()) -> Iterator[re.Match[str]]:
    """The pieces of an address from here on, in order; words of `inner` are pieces too."""
    last, stop = start, min(len(text), start + _ON)
    for count, piece in enumerate(_PIECE.finditer(text, start, stop)):
        if count == _MOST or _GAP.fullmatch(text, last, piece.start()) is None:
            return
        if not (_is_piece(piece[0]) or piece[0] in inner):
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
