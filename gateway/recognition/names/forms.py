"""The forms a name takes: spellings without umlauts, cases, genitives, one typing error."""

from __future__ import annotations

import functools
from typing import Final

_DIGRAPHS: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_MIN_STEM: Final = 3

_INFLECTED: Final = frozenset({"cs", "sk", "pl", ""})
"""Languages whose names take case endings; also where the language is unknown."""
# Ending of a declined Slavic name, and what may stand in its place in the nominative. Longest first.
_ENDINGS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("iego", ("i",)),
    ("iemu", ("i",)),
    ("ovym", ("ova", "")),
    ("ovou", ("ova", "")),
    ("owej", ("owa", "")),
    ("owie", ("",)),
    ("ovej", ("ova", "")),
    ("ego", ("y", "i", "")),
    ("eho", ("y", "i", "")),
    ("iho", ("i",)),
    ("emu", ("y", "i", "")),
    ("imu", ("i",)),
    ("iej", ("a", "ia", "i")),
    ("iem", ("", "ia")),
    ("ovi", ("", "a", "o")),
    ("owi", ("", "a", "o")),
    ("ove", ("ova", "")),
    ("ovu", ("ova", "")),
    ("owa", ("", "owy")),
    ("ova", ("", "a")),
    ("ami", ("a", "")),
    ("ich", ("i", "y")),
    ("ych", ("y", "a")),
    ("ou", ("a", "y")),
    ("ej", ("a", "y")),
    ("em", ("", "a", "o")),
    ("om", ("", "a")),
    ("ym", ("y", "a")),
    ("im", ("i", "")),
    ("ia", ("", "i")),
    ("ie", ("a", "", "ia")),
    ("iu", ("", "i")),
    ("a", ("", "y", "i", "o", "e")),
    ("u", ("", "a", "o")),
    ("e", ("", "a", "o", "y")),
    ("y", ("a", "")),
    ("i", ("a", "", "ia")),
    ("o", ("a", "")),
)
_SOFTENED: Final = {"c": "k", "z": "h", "s": "ch", "r": "r", "d": "d", "t": "t", "n": "n"}
_FLEETING_AFTER: Final = frozenset("klcrnt")
_VOWELS: Final = frozenset("aeiouy")


def collapsed(word: str) -> str:
    """The folded word with ae, oe, ue written as one letter: `mueller` and `muller` are one."""
    if "e" not in word:
        return word
    for two, one in _DIGRAPHS:
        word = word.replace(two, one)
    return word


@functools.lru_cache(maxsize=65536)
def bases(word: str, language: str) -> frozenset[str]:
    """Folded words that the folded word may be a form of, itself included: cases, genitives, feminine surnames."""
    found = {word}
    if len(word) > _MIN_STEM and word.endswith("s"):
        found.add(word[:-1])
    if language in _INFLECTED:
        for ending, instead in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
                found |= _restored(word[: -len(ending)], instead)
        if len(word) > _MIN_STEM and word[-1] not in _VOWELS:
            found.add(f"{word}a")  # a genitive plural, or a vocative cut short
    return frozenset(found)


def _restored(stem: str, instead: tuple[str, ...]) -> set[str]:
    found = {stem + one for one in instead}
    if stem[-1] in _FLEETING_AFTER and stem[-2] not in _VOWELS:
        found.add(f"{stem[:-1]}e{stem[-1]}")  # Marka: Marek
    if stem.endswith(("ov", "ow")) and len(stem) > _MIN_STEM + 1:
        found.add(stem[:-2])
    hard = _SOFTENED.get(stem[-1])
    if hard and hard != stem[-1]:
        found |= {f"{stem[:-1]}{hard}a", stem[:-1] + hard}  # Hance: Hanka
    if stem.endswith("c") and len(stem) > _MIN_STEM:
        found.add(f"{stem[:-1]}ek")  # vocative: Mareccu and the like
    return found


def is_form(word: str, part: str, language: str) -> bool:
    """Is the folded word the folded name part itself or one of its forms, without typing errors."""
    if word == part or collapsed(word) == collapsed(part):
        return True
    if word[:2] != part[:2]:
        return False
    return part in bases(word, language) or bool(bases(word, language) & _feminine(part, language))


@functools.lru_cache(maxsize=65536)
def _feminine(part: str, language: str) -> frozenset[str]:
    """Bases of a name part that share its person's family: Nováková is declined from Novák's own stem."""
    if language not in _INFLECTED:
        return frozenset()
    if part.endswith(("ova", "owa")):
        return frozenset({part[:-3]})
    if part.endswith(("ska", "cka", "na", "la")):
        return frozenset({f"{part[:-1]}y", f"{part[:-1]}i"})
    return frozenset()


def within_one(one: str, other: str) -> bool:
    """Do the words differ by at most one letter put in, left out, changed, or two neighbours swapped."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    start = 0
    while start < len(short) and short[start] == long[start]:
        start += 1
    if len(short) != len(long):
        return short[start:] == long[start + 1 :]
    if short[start + 1 :] == long[start + 1 :]:
        return True
    swapped = short[start : start + 2][::-1]
    return swapped == long[start : start + 2] and short[start + 2 :] == long[start + 2 :]
