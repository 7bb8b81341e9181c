"""Text as it reads, for comparison: look-alikes made Latin, what is invisible taken out, and the way back."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# Printable ASCII, line ends and the letters and signs of European languages that stand for themselves.
_PLAIN = r"\t\n\r -~¡-§«-¬®°±¶»¿-ıĴ-ľŁ-ňŊ-žȘ-ț€"
_CHANGES = re.compile(f"[^{_PLAIN}\u00a0\u2002-\u200a\u202f„“”‘’‚‹›‐-―−•·]")
_UNLIKE_ITSELF = re.compile(f"[^{_PLAIN}]")
_COMBINING = re.compile(
    r"[\u0300-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
_NEW_LINES = "\x0b\x0c\x85\u2028\u2029"
_INVISIBLE = "\u115f\u1160\u3164\uffa0\u180b\u180c\u180d\u180f"
"""Letters and marks by category that show nothing."""

# Letters of other scripts that read as Latin ones: what keyboards and generators give, not all of Unicode's list.
_LOOKALIKES = {
    "АВЕКМНОРСТУХЅІЈԚԜҮӀЗаеорсухѕіјԛԝүһӏкмтпгԁѐёӕԌԍ": "ABEKMHOPCTYXSIJQWYI3aeopcyxsijqwyhlkmtnrdeeaGg",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϳαεικνορτυχϲγηωϜ": "ABEZHIKMNOPTYXCjaeikvoptuxcynwF",
    "օսոհցզքՍՕԼՏ": "ounhgqpUOLS",
    "ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ": "ABCDEHJKLMPRSTVWZ",
    "ꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ": "BCDEFGHIJKLMNOPRSTUVWXYZ",
    "ʜɪɴʀʏʟʙɢ": "HINRYLBG",
}
_SIGNS = {
    "-": "‐‑‒–—―−⁃﹣－─╴ー",
    "'": "‘’‚‹›′‵ʹʼʻˈ＇",
    '"': "„“”″‟",
    ".": "·•∙⋅・‧。｡․﹒",
    "/": "⁄∕╱",
    ":": "∶ː꞉",
    "_": "＿﹍",
    " ": "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u2800",
    ",": "，",
}
_TABLE: dict[str, str] = {
    **{one: other for many, others in _LOOKALIKES.items() for one, other in zip(many, others, strict=True)},
    **{one: sign for sign, many in _SIGNS.items() for one in many},
    **dict.fromkeys(_NEW_LINES, "\n"),
    **dict.fromkeys(_INVISIBLE, ""),
}
_SAME_LENGTH = str.maketrans({one: sign for sign, many in _SIGNS.items() for one in many})
_ENCLOSED = re.compile(
    r"(?:SQUARED|CIRCLED|INDICATOR SYMBOL|SMALL CAPITAL) (?:LATIN )?(?:CAPITAL )?(?:LETTER )?([A-Z])$"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A folded text with the way back to the text as it came."""

    text: str = dataclasses.field(repr=False)
    at: Sequence[int] = dataclasses.field(repr=False)
    """For each folded character its index in the original; one more at the end, the original's length."""

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Give the piece of the original that folded to [start, end), which MUST not be empty.

        Invisible characters that follow within the original belong to it: nothing of the value stays behind.
        """
        if isinstance(self.at, range):
            return start, end
        return self.at[start], max(self.at[end], self.at[end - 1] + 1)


def fold(text: str) -> Folded:
    """Fold a text for comparison: compatibility forms, look-alikes and signs to ASCII, nothing invisible left.

    Accents and case stay; a letter with a combining accent becomes the composed letter. Linear in the text's length.
    No list is built where only signs change, as in most texts.
    """
    if _CHANGES.search(text) is None:
        same = text if _UNLIKE_ITSELF.search(text) is None else text.translate(_SAME_LENGTH)
        return Folded(text=same, at=range(len(text) + 1))
    pieces: list[str] = []
    at: list[int] = []
    for index, char in enumerate(text):
        piece = char if " " <= char <= "~" else _folded(char)
        if piece is _MARK:
            _compose(pieces, char)
            continue
        for one in piece:
            pieces.append(one)
            at.append(index)
    at.append(len(text))
    return Folded(text="".join(pieces), at=at)


_MOST_LETTERS = 4
"""Characters that one may become: some stand for a whole phrase, and a text must not swell."""
_MARK = "\u0301 mark"
"""Told apart by identity: the character changes the letter before it."""


@lru_cache(maxsize=65536)
def _folded(char: str) -> str:
    """One character's folded form: none, one or several characters, or _MARK."""
    if _UNLIKE_ITSELF.match(char) is None:
        return char
    known = _TABLE.get(char)
    if known is not None:
        return known
    if _COMBINING.match(char):
        return _MARK
    return _by_class(char)


def _by_class(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Cf"}:
        return ""
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    enclosed = _ENCLOSED.search(unicodedata.name(char, ""))
    if enclosed:
        return enclosed[1]
    compatible = unicodedata.normalize("NFKC", char)
    if len(compatible) > _MOST_LETTERS:
        return char
    if compatible == char:
        return char
    pieces = (_folded(one) for one in compatible)
    return "".join(piece for piece in pieces if piece is not _MARK)


def _compose(pieces: list[str], mark: str) -> None:
    """Put a combining mark upon the letter before it; a mark that makes no letter is dropped."""
    if not pieces:
        return
    composed = unicodedata.normalize("NFC", pieces[-1] + mark)
    if len(composed) == 1:
        pieces[-1] = composed


def words(listed: str) -> tuple[str, ...]:
    """Split a list of words, as the modules here write them down."""
    return tuple(listed.split())


_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n"}
)


_REMEMBERED = 16_384


class Bare(dict[int, str]):
    """What each character is without case and accents, for `str.translate`; remembers a bounded number of them."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[code] = self.of(chr(code))
        return found

    def of(self, char: str) -> str:
        """Fold one character: none, one or several."""
        bare = unicodedata.normalize("NFKD", char.casefold().translate(_STROKES))
        return "".join([one for one in bare if not unicodedata.combining(one)]).casefold()


_BARE = Bare()


@lru_cache(maxsize=65536)
def words_folded(word: str) -> str:
    """Take case and accents off a folded word, to compare it: `Šťastná` and `STASTNA` are one, `ß` is `ss`."""
    return word.lower() if word.isascii() else word.translate(_BARE)
