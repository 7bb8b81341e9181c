"""Postal addresses in texts: a street with its house number, and the postcode and town after it, over several lines.

Every number that may be a house's is looked at with a window of words on both sides. A postcode and a town alone are no
address. Streets without a known word (`Dlouhá 12`) are told by the postcode after them or by a word such as `wohnhaft`.
"""

from __future__ import annotations

import re

from gateway.recognition.folding import Folded, fold
from gateway.recognition.shapes import streets, units
from gateway.recognition.shapes.streets import bare
from gateway.terms.recognition import Span

_DIGIT = re.compile(r"[0-9]")
_HOUSE = re.compile(
    r"[0-9](?<![\w,/-].)(?<![0-9][.,].)[0-9]{0,4}(?: ?[a-zA-Z](?![\w'.]))?(?:[/-][0-9]{1,5}[a-zA-Z]?){0,2}"
    r"(?![\w]|[.,][0-9])"
)
_WINDOW = 64
"""Characters before and after a house number that may be the street's."""
_WORDS = 6

_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ŽȘȚ0-9]"
_POSTCODE = (
    r"(?:[A-Z]{1,2}[- ])?"
    r"(?:[1-9][0-9]{3} ?[A-Z]{2}(?![A-Za-z])|[0-9]{2}-[0-9]{3}|[0-9]{4}-[0-9]{3}|[0-9]{3} ?[0-9]{2}|[0-9]{4})(?![0-9])"
)
_BRITISH = r"[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}(?!\w)"
_IRISH = r"(?:[AC-FHKNPRTV-Y][0-9]{2}|D6W) ?[0-9AC-FHKNPRTV-Y]{4}(?!\w)"
_AMERICAN = r"[A-Z]{2},? [0-9]{5}(?:-[0-9]{4})?(?![0-9])"
_CANADIAN = r"[ABCEGHJ-NPRSTVXY][0-9][A-Z] ?[0-9][A-Z][0-9](?!\w)"
_LINKS = (
    r"(?:am|an|der|im|in|sur|sous|le|la|les|lès|de|del|della|di|da|do|dos|nad|pod|u|v|ve|den|aan|op|bei|upon|ob|e|y)"
)
# A name holds its hyphens and names are set apart by a space alone, so that there is one way only to match.
_NAME = rf"(?:(?:St|Ste|Sta|S|Bad)\. |{_CAPITAL}[\w'/-]{{0,30}})"
_MORE_NAMES = rf"(?: (?:{_LINKS} ){{0,2}}{_NAME}){{0,4}}"
_TOWN = rf"(?:St\. )?[^\W\d_][\w'/-]{{0,30}}{_MORE_NAMES}"
_PROPER = rf"{_NAME}{_MORE_NAMES}"
_BREAK = r"(?: ?[,;] ?\n?| ?\n ?| - | )"
_UNIT = re.compile(
    r"(?:bis|ter|quater)(?!\w)|"
    r",? ?(?:Apt|Apartment|Apartamento|Appartamento|Piano|Puerta|Planta|Unit|Suite|Ste|Flat|Floor|Top|Stiege|T[üu]r"
    r"|[Pp]iso|[Bb]ajo|m|lok|byt|bus|bte|[Ii]nt|[Ss]cala|#)[. ]{0,2}[0-9]{1,4}[A-Za-zºª°]?(?!\w)"
    r"|, ?[0-9]{1,2}[ºª°o](?:[ -]?[A-Za-z](?!\w))?"
)
_ENDING = re.compile(rf"{_BREAK}(?:{_POSTCODE} ?,? ?\n?{_TOWN}|(?![0-9]){_PROPER}, {_POSTCODE})")
_WHOLE_CODE = re.compile(r"[0-9]{4,5}")
_CODE_ONLY = re.compile(rf"{_BREAK}{_POSTCODE}")
_TOWN_ONLY = re.compile(rf", ?{_PROPER}(?=[.,;)\n]|$)")
_TOWN_AFTER = re.compile(rf" {_PROPER}")
_AFTER_TOWN = re.compile(rf"\b(?:{_BRITISH}|{_IRISH}|{_CANADIAN}|{_AMERICAN})")
"""Postcodes that stand after the town."""
_GAP = re.compile(r"[^ ,;\n]+")
_GAP_LENGTH, _GAP_WORDS = 80, 9
"""Characters and words of streets, villages and towns between a house number and such a postcode."""
_FLAT = re.compile(r"\b(?:Flat|Studio|Apartment|Apt\.?|Unit|Suite) [0-9A-Za-z]{1,5}(?=[,\n])")
_WORD = re.compile(r"[^\W\d_]+")
_SPACED_WORD = re.compile(r"[^ ]+")
_STOPS = "\n;:(\x00"
"""What no street goes across."""
_CLAUSE = re.compile(rf"(?: |, ?)[^\W_][^{_STOPS}]{{1,64}}")
_REPEATS = frozenset({"bis", "ter", "quater"})
_PLACED = re.compile(r"(?<!\w)(?:at|to|in|on|from|near|with|following|is|[Aa]ddress(?:es)?(?: is)?):?\s{1,8}(?:> )?$")
_LONGEST_CUE = 24
_NAME_AND_NUMBER = re.compile(
    rf"((?: (?:{_LINKS} )?[^\W\d_][\w'.-]{{0,30}}){{1,4}}) (?!(?:19|20)[0-9]{{2}}(?![0-9]))[0-9]{{1,4}}"
    r"[A-Za-z]?(?!\w|[.,:][0-9]| ?[%€$])"
)
"""A capitalised name of a street and a number that is no year."""
_YEAR = re.compile(r"\D{0,3}(?:19|20)[0-9]{2}(?![0-9])")
_LEADING = re.compile(r"(?<![\w.,/-])[0-9]{1,6}[A-Za-z]?[ /]$")
_LONGEST_LEADING = 9
_BOX = re.compile(
    r"\b(?:P\. ?O\.? ?Box|PO Box|P ?O Box|p\. ?o\. ?box|po box|GPO Box|Postfach|Bo[iî]te [Pp]ostale|BP"
    r"|Apartado(?: de [Cc]orreos)?|Casella [Pp]ostale|Postbus)"
    r" [0-9 ]{1,9}[0-9](?![0-9])"
)


def find(text: str) -> list[Span]:
    """Give the addresses of a text, in order and not overlapping, in characters of the text as it came."""
    return find_folded(fold(text))


def find_folded(folded: Folded) -> list[Span]:
    """Do as `find` does, for a text that the caller has folded already."""
    text = folded.text
    spans: list[Span] = []
    if _DIGIT.search(text) is None and "corner of" not in text and "ction of" not in text:
        return spans
    for start, end in _merged(sorted([*_places(text), *units.find(text)])):
        low, high = folded.back(start, end)
        spans.append(Span(start=low, end=high, kind="address"))
    return spans


def _merged(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in places:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _places(text: str) -> list[tuple[int, int]]:
    places = _flats(text)
    last = 0
    for house in _HOUSE.finditer(text):
        if house.start() < last:
            continue
        place = _after_street(text, house, last) or _before_street(text, house)
        if place:
            places.append(place)
            last = place[1]
    if "P" in text or "B" in text or "C" in text or "A" in text or "box" in text:
        places += [(box.start(), _tail(text, box.end())) for box in _BOX.finditer(text)]
    return [(_leading(text, start), units.country(text, end)) for start, end in places]


def _leading(text: str, start: int) -> int:
    """Give where a number right before the street begins, a unit's: `3/12 High Street`, `170 24 Clarke Avenue`."""
    number = _LEADING.search(text, max(0, start - _LONGEST_LEADING), start)
    return number.start() if number else start


def _after_street(text: str, house: re.Match[str], low: int) -> tuple[int, int] | None:
    """The number stands after its street: `Hauptstraße 12`, `Via Roma, 12`, `Dlouhá 12, 110 00 Praha`."""
    before = text[max(low, house.start() - _WINDOW) : house.start()]
    if before.endswith("\n") and _WHOLE_CODE.fullmatch(house[0]):
        before = before[:-1] + " "  # a postcode heads its line where the street has no number
    if not before.rstrip(" ,.\"')")[-1:].isalpha():
        return None
    before = before[max(before.rfind(sign) for sign in _STOPS) + 1 :]
    words = before.rstrip(" ,").split(" ")[-_WORDS:]
    first = _street_start(words)
    if first is None and _is_told(text, house, words):
        first = _proper_start(words)
    if first is None:
        return None
    street = " ".join(words[first:])
    start = house.start() - len(before) + before.rstrip(" ,").rfind(street)
    town = _TOWN_AFTER.match(text, house.end()) if _WHOLE_CODE.fullmatch(house[0]) else None
    return start, town.end() if town else _tail(text, house.end())  # a postcode stands where a house number may


def _street_start(words: list[str]) -> int | None:
    """Give the word that a street begins with, told by a word for streets; the last word stands before the number."""
    for at in range(len(words) - 1, -1, -1):
        word = bare(words[at])
        is_first = at < len(words) - 1
        if is_first and words[at].endswith(","):
            break
        is_word = word in streets.BEFORE_NAME
        if is_first and (is_word or (word in streets.BEFORE_NAME_WEAK and _is_marked(words[at]))):
            return at if _is_street_name(words[at + 1 :], most=4 if is_word else 2) else None
    last = bare(words[-1])
    if last in streets.ORDINARY:
        return None
    if last in streets.LAST_WORDS and words[-1].islower():
        return _proper_start(words)
    if last.endswith(streets.SUFFIXES) and words[-1][:1].isalpha():
        if last in streets.SUFFIXES or (last == "str"):
            return _proper_start(words)
        if len(last) > 5 or words[-1].endswith("."):  # noqa: PLR2004 a name before its ending
            return len(words) - 1
    return None


def _is_street_name(words: list[str], *, most: int) -> bool:
    """Capitals and small words of names alone, or few words and no capital: `calle Mayor cerró a las 16` is none."""
    plain = [word for word in words if bare(word) not in streets.PARTICLES and bare(word) not in streets.HEADS]
    small = [word for word in plain if word[:1].islower()]
    return not small or (len(small) == len(plain) and len(words) <= most)


def _is_marked(word: str) -> bool:
    """Tell the street's word `Via`, `nám.` from the small word it also is."""
    return word[:1].isupper() or word.endswith(".")


def _proper_start(words: list[str]) -> int | None:
    """Give the first of the capitalised words at the end, with the small ones that belong to a name among them."""
    first = len(words)
    for at in range(len(words) - 1, max(-1, len(words) - 5), -1):
        word = words[at]
        if at < len(words) - 1 and word.endswith((",", "!", "?")):
            break
        if word[:1].isupper() and bare(word) not in streets.ORDINARY:
            first = at
        elif (
            bare(word) not in streets.HEADS
            and bare(word) not in streets.PARTICLES
            and bare(word) not in streets.SUFFIXES
            and (bare(word) not in streets.LAST_WORDS or at < len(words) - 1)
        ):
            break
    return first if first < len(words) else None


def _is_told(text: str, house: re.Match[str], words: list[str]) -> bool:
    """Say whether a postcode with a town follows, or an address cue stands before."""
    if not any(word[:1].isupper() for word in words[-2:]) or bare(words[-1]) in streets.ORDINARY:
        return False
    if _ENDING.match(text, house.end()) and _YEAR.match(text, house.end()) is None:
        return True
    return any(
        bare(word) in streets.CUES for word in _WORD.findall(text, max(0, house.start() - _WINDOW), house.start())
    )


def _before_street(text: str, house: re.Match[str]) -> tuple[int, int] | None:
    """The number stands before its street: `12 rue de la Paix`, `221B Baker Street`, `12 The Green, Oxford OX1 2AB`."""
    after = _CLAUSE.match(text, house.end(), house.end() + _WINDOW)
    if after is None:
        return None
    end = _french(after[0])
    if end:
        return house.start(), _tail(text, house.end() + end)
    if after[0][1].isupper():
        end = _numbered_twice(text, house)
        if end:
            return house.start(), end
    end = _english(after[0])
    if end:
        return house.start(), units.tail(text, _tail(text, house.end() + end))
    area = _after_town(text, house.end()) if after[0][1].isupper() else 0
    return (house.start(), area) if area else None


def _numbered_twice(text: str, house: re.Match[str]) -> int:
    """Give where `1500 County Road 42`, `1010 Stephansplatz 3` ends, after a word of place; 0: it is none."""
    if _PLACED.search(text, max(0, house.start() - _LONGEST_CUE), house.start()) is None:
        return 0
    street = _NAME_AND_NUMBER.match(text, house.end())
    if street is None or any(
        bare(word) in streets.ORDINARY or bare(word) in streets.COUNTED for word in street[1].split()
    ):
        return 0
    return units.tail(text, _tail(text, street.end()))


def _flats(text: str) -> list[tuple[int, int]]:
    """Give addresses that begin with a flat: `Flat 2, Karl Drive, Leeds LS1 4AB`."""
    ends = ((flat.start(), _after_town(text, flat.end())) for flat in _FLAT.finditer(text))
    return [(start, end) for start, end in ends if end]


def _after_town(text: str, start: int) -> int:
    """Give where a British or American postcode ends that only names, commas and line ends lead to; 0: none does."""
    code = _AFTER_TOWN.search(text, start, start + _GAP_LENGTH)
    if code is None:
        return 0
    words = _GAP.findall(text, start, code.start())
    if not 0 < len(words) <= _GAP_WORDS:
        return 0
    is_named = all(word[0].isupper() or word[0].isdigit() or bare(word) in streets.PARTICLES for word in words)
    return code.end() if is_named else 0


def _french(after: str) -> int:
    """Give where a street `rue de la Paix` ends, that begins right after the number; 0: it is none."""
    if not any(_is_before_name(word) for word in after.split(None, 3)[:3]):
        return 0
    words = list(_GAP.finditer(after))[: _WORDS + 2]
    if words and words[0][0].lower() in _REPEATS:
        words = words[1:]
    if len(words) < 2 or not _is_before_name(words[0][0]):  # noqa: PLR2004 a word for streets and a name
        return 0
    end, has_name = 0, False
    for at, word in enumerate(words[1:], 1):
        if ("," in after[words[at - 1].end() : word.start()] and has_name) or word[0][0].isdigit():
            break
        is_particle = bare(word[0]) in streets.PARTICLES
        if not is_particle and has_name and not word[0][0].isupper():
            break
        if not is_particle:
            end, has_name = word.end(), True
            if word[0].endswith((".", "!", "?")):
                return end - 1
    return end


def _is_before_name(word: str) -> bool:
    return bare(word) in streets.BEFORE_NAME or bare(word) in {"route", "cours", "place", "square", "av", "ch"}


def _english(after: str) -> int:
    """Give where `Baker Street` ends, that begins right after the number; 0: it is none."""
    if after.startswith(",") or streets.AFTER_NAME.isdisjoint(map(bare, after.split(" ", 6)[1:6])):
        return 0
    for at, word in enumerate(list(_SPACED_WORD.finditer(after))[:5]):
        name = bare(word[0])
        if name in streets.COUNTED:
            return 0
        is_small = not word[0][0].isupper()
        if at and name in (streets.AFTER_NAME_STRONG if is_small else streets.AFTER_NAME):
            return word.start() + len(word[0].rstrip(".,;)"))
        if is_small and at and not word[0][0].isdigit() and name not in streets.PARTICLES and not after.islower():
            return 0
        if word[0].endswith((",", ".", "!", "?")) and name not in streets.PARTICLES:
            return 0
    return 0


def _tail(text: str, end: int) -> int:
    """Give where the address ends: units, postcode and town after the street and its number."""
    if text.startswith((".\n", ".,"), end):
        end += 1
    unit = _UNIT.match(text, end)
    end = unit.end() if unit else end
    place = _ENDING.match(text, end)
    if place is None:
        area = _after_town(text, end)
        if area:
            return area
        place = _CODE_ONLY.match(text, end) or _TOWN_ONLY.match(text, end)
    return end + len(place[0].rstrip(" ,.;-\n")) if place else end
