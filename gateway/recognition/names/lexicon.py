"""Which words are names, towns or ordinary words, in ten languages.

Built by tests/quality/build_names.py from the lists of MIT and BSD projects (SOURCES.md beside the data).
`organisations.txt` and `plain/` are written by hand.
Words are kept folded (case and accents off), so that one look-up serves every spelling.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from importlib import resources
from typing import Final

from gateway.recognition.folding import words_folded

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "cs", "sk", "pt")
"""Of the ordinary words."""
FREQUENT: Final = frozenset({"en", "es"})
"""Those whose words come from a list by frequency, and whose nouns have no capitals."""
FIRST: Final = 1
"""A first name."""
LAST: Final = 2
"""A family name."""
PLACE: Final = 4
"""A country, language, month, weekday, town or organisation."""
_WORD_FROM: Final = 8
_COMMON_FROM: Final = _WORD_FROM + len(LANGUAGES)
_ALL_WORDS: Final = sum(1 << (_WORD_FROM + number) for number in range(len(LANGUAGES)))


@functools.cache
def lexicon() -> Mapping[str, int]:
    """All words with their bits; read once, about 400,000 words."""
    bits: dict[str, int] = {}
    for line in _lines("names.txt.gz"):
        word, _, letters = line.partition("\t")
        bits[word] = (FIRST if "F" in letters else 0) | (LAST if "L" in letters else 0)
    for line in (*_lines("places.txt.gz"), *_lines("towns.txt.gz"), *_words("organisations.txt")):
        if " " not in line:
            bits[line] = bits.get(line, 0) | PLACE
    held: dict[str, int] = {}
    for line in _lines("words.txt.gz"):
        word, _, languages = line.partition("\t")
        mask = held.get(languages)
        if mask is None:
            mask = held[languages] = _mask(languages)
        bits[word] = bits.get(word, 0) | mask
    for language in LANGUAGES:
        for word in _words(f"plain/{language}.txt"):
            bits[word] = bits.get(word, 0) | _word_mask(language)
    return bits


@functools.cache
def phrases() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """The further words of towns and organisations of several words, by the first word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in (*_lines("towns.txt.gz"), *_words("organisations.txt")):
        head, *rest = line.split(" ")
        if rest:
            found.setdefault(head, []).append(tuple(rest))
    return {head: tuple(sorted(rests, key=lambda rest: (-len(rest), rest))) for head, rests in found.items()}


def is_word(bits: int, language: str) -> bool:
    """Is it an ordinary word of the language; of any, where the language is unknown or has no list."""
    mask = _word_mask(language)
    return bool(bits & mask)


def is_common(bits: int, language: str) -> bool:
    """Is it so frequent a word that a name written alike needs a cue beside it."""
    return bool(bits & (_word_mask(language) << len(LANGUAGES)))


def languages_of(bits: int) -> int:
    """The languages it is an ordinary word of, one bit each in the order of LANGUAGES."""
    return (bits & _ALL_WORDS) >> _WORD_FROM


@functools.cache
def _word_mask(language: str) -> int:
    return 1 << (_WORD_FROM + LANGUAGES.index(language)) if language in LANGUAGES else _ALL_WORDS


def _mask(languages: str) -> int:
    """Bits of a line's languages; capitals say that the word is common there."""
    mask = 0
    for one in languages.split(" "):
        number = LANGUAGES.index(one.lower())
        mask |= 1 << (_WORD_FROM + number)
        if one.isupper():
            mask |= 1 << (_COMMON_FROM + number)
    return mask


def _words(name: str) -> list[str]:
    """Entries of a file written by hand, apart by commas, folded; a line that begins with # is a remark."""
    lines = resources.files(__package__).joinpath(name).read_text().splitlines()
    entries = (entry for line in lines if not line.startswith("#") for entry in line.split(","))
    return [
        " ".join(words_folded(entry).replace("-", " ").replace("&", " ").split()) for entry in entries if entry.strip()
    ]


def _lines(name: str) -> list[str]:
    packed = resources.files(__package__).joinpath(name).read_bytes()
    return gzip.decompress(packed).decode().splitlines()
