"""A text as words, each with what is known of it: the one look-up that all rules of names share."""

from __future__ import annotations

import re
from typing import Final

from gateway.recognition.folding import words_folded
from gateway.recognition.names.cues import Role, roles
from gateway.recognition.names.forms import bases, collapsed
from gateway.recognition.names.lexicon import FIRST, LAST, PLACE, is_common, is_word, lexicon
from gateway.terms.recognition import NameList

TOKEN: Final = re.compile(
    r"(?:[dlcnstmjDLCNSTMJ]|[dD]ell|[aA]ll|[dD]all|[nN]ell|[sS]ull|[qQ]u)['’](?=[^\W\d_])"
    r"|[^\W\d_]+(?:[-'’](?![sS]\b)[^\W\d_]+)*"
)
"""A word with its hyphens; an article cut short (`l'`) is a word of its own, a genitive's `'s` is left out."""
_PLAIN_TOKEN: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
"""The same for texts without an apostrophe: three times as fast."""

WORD: Final = 8
"""An ordinary word of the text's language."""
COMMON: Final = 16
"""A frequent one."""
CAPITAL: Final = 32
"""Begins with a capital."""
UPPER: Final = 64
"""Two capitals or more, and nothing else."""
INITIAL: Final = 128
"""One capital."""
LISTED: Final = 256
"""A part of some subject's name."""
STANDS: Final = 512
"""Of a town's or office's name: nobody's."""
_ROLE_FROM: Final = 10
TITLE: Final = Role.TITLE << _ROLE_FROM
CUE: Final = Role.CUE << _ROLE_FROM
VERB: Final = Role.VERB << _ROLE_FROM
PARTICLE: Final = Role.PARTICLE << _ROLE_FROM
DETERMINER: Final = Role.DETERMINER << _ROLE_FROM
INSTITUTION: Final = Role.INSTITUTION << _ROLE_FROM
DEGREE: Final = Role.DEGREE << _ROLE_FROM
JOINER: Final = Role.AND << _ROLE_FROM
COPULA: Final = Role.COPULA << _ROLE_FROM
CLOSING: Final = Role.CLOSING << _ROLE_FROM
NAMED: Final = Role.NAMED << _ROLE_FROM
NAME: Final = FIRST | LAST

_REMEMBERED: Final = 100_000
_INFLECTED: Final = frozenset({"cs", "sk", "pl"})
_GERMAN_NOUNS: Final = re.compile(
    r"(?:ung|heit|keit|schaft|tion|ion|tat|ment|nis|tum|ling|ismus|ierung|ungen|heiten|keiten|tionen|schaften|taten)s?$"
)
_MIN_HALF: Final = 3
_LONGEST: Final = 40
_SHORT_NAME: Final = 3


class Vocabulary(dict[str, int]):
    """The bits of each word as written, for texts of one language and one list of names.

    Looks a word up once and remembers it; forgets all when it holds too many, so that memory is bounded.
    """

    def __init__(self, language: str, names: NameList | None) -> None:
        super().__init__()
        self.language = language
        self._parts = names.parts if names else frozenset[str]()
        self._roles = roles(language)
        self._lexicon = lexicon()

    def __missing__(self, word: str) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[word] = self._bits(word)
        return found

    def _bits(self, word: str) -> int:
        key = words_folded(word).rstrip("'’")
        bits = _shape(word) | (self._roles.get(key, 0) << _ROLE_FROM)
        if word.endswith(("'", "’")):
            return bits | PARTICLE
        bits |= self._known(key, is_capital=bool(bits & CAPITAL))
        if self._is_listed(key, is_plain=bits & CAPITAL > 0 or not bits & WORD):
            bits |= LISTED
        return bits

    def _known(self, key: str, *, is_capital: bool) -> int:
        """Name, place and word bits of a folded word, a compound's or a declined form's too."""
        held = self._lexicon.get(key, 0)
        if not held and "-" in key:
            return self._hyphened(key)
        bits = held & (NAME | PLACE)
        if is_word(held, self.language):
            bits |= WORD
        if is_common(held, self.language):
            bits |= COMMON
        if not bits and is_capital:
            bits = self._derived(key)
        return bits

    def _hyphened(self, key: str) -> int:
        halves = [self._known(half, is_capital=True) for half in key.split("-") if half]
        if not halves:
            return 0
        names = halves[0] & NAME if all(half & NAME for half in halves) else 0
        return names | (halves[-1] & (WORD | COMMON | PLACE) if not names else halves[0] & halves[-1] & (WORD | COMMON))

    def _derived(self, key: str) -> int:
        """Bits of an unknown capitalised word: a spelling without umlauts, a case ending, a German compound."""
        plain = self._lexicon.get(collapsed(key), 0)
        if plain & NAME:
            return plain & NAME
        if is_word(plain, self.language):
            return WORD
        if self.language == "de" and self._is_compound(key):
            return WORD
        found = 0
        for base in bases(key, self.language if self.language in _INFLECTED else "en"):
            held = self._lexicon.get(base, 0)
            if is_word(held, self.language) and not held & NAME:
                found |= WORD
            if len(base) > _SHORT_NAME or self.language in _INFLECTED:
                found |= held & (NAME | PLACE)
        return found & ~PLACE if found & NAME else found

    def _is_compound(self, key: str) -> bool:
        """A German compound of two known words, or a word with a noun's suffix."""
        if len(key) > 2 * _MIN_HALF and _GERMAN_NOUNS.search(key):
            return True
        reached = {0}
        for end in range(_MIN_HALF, min(len(key), _LONGEST) + 1):
            if any(end - start >= _MIN_HALF and self._is_half(key[start:end]) for start in reached):
                reached.add(end)
        return len(key) in reached

    def _is_half(self, half: str) -> bool:
        for one in (half, half.removesuffix("s"), half.removesuffix("n")):
            if len(one) >= _MIN_HALF and is_word(self._lexicon.get(one, 0), "de"):
                return True
        return False

    def _is_listed(self, key: str, *, is_plain: bool) -> bool:
        parts = self._parts
        if not parts or len(key) < _SHORT_NAME:
            return False
        if key in parts or collapsed(key) in parts or any(half in parts for half in key.split("-") if "-" in key):
            return True
        return is_plain and not parts.isdisjoint(bases(key, self.language))


def _shape(word: str) -> int:
    if not word[0].isupper():
        return 0
    if len(word) == 1:
        return CAPITAL | INITIAL
    return CAPITAL | UPPER if word.isupper() else CAPITAL


class Tokens:
    """The words of one folded text, in order."""

    __slots__ = ("bits", "ends", "keys", "starts", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        has_articles = "'" in text or "’" in text
        found = list((TOKEN if has_articles else _PLAIN_TOKEN).finditer(text))
        self.words = [match[0] for match in found]
        self.starts = [match.start() for match in found]
        self.ends = [match.end() for match in found]
        self.keys = [words_folded(word) for word in self.words]
        self.bits: list[int] = []

    def look_up(self, vocabulary: Vocabulary) -> None:
        """Take each word's bits; MUST come before anything that asks for them."""
        self.bits = [vocabulary[word] for word in self.words]

    def __len__(self) -> int:
        return len(self.words)

    def gap(self, number: int) -> str:
        """What stands between the word before and this one; before the first: from the text's start."""
        return self.text[self.ends[number - 1] if number else 0 : self.starts[number]]

    def is_joined(self, number: int) -> bool:
        """Can this word and the one before be parts of one name: a blank or hyphen, after an initial a dot too."""
        if not 0 < number < len(self.words):
            return False
        gap = self.gap(number)
        if gap in _JOINS:
            return True
        before = self.bits[number - 1]
        return gap in _DOTTED and bool(before & (INITIAL | DEGREE | TITLE) or len(self.words[number - 1]) == 1)

    def is_opening(self, number: int) -> bool:
        """Is a capital no news here: the text's or a sentence's or line's first word."""
        if number == 0:
            return True
        gap = self.gap(number)
        return any(char in _OPENERS for char in gap)


_JOINS: Final = frozenset({" ", "-", "", "  ", "\u00a0", " - "})
_DOTTED: Final = frozenset({".", ". ", ".-", ".\u00a0"})
_OPENERS: Final = frozenset('.!?:;\n\r•*|"“„(')
