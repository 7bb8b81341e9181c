"""Words of column names and of coded values, in nine languages; a site adds its own."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.errors import Invalid
from gateway.recognition.folding import words_folded
from gateway.terms.dataset import CLASSIFICATIONS, Classification

_FOLDER: Final = Path(__file__).with_name("data")
_SKELETON_MIN: Final = 3
_STEM_MIN: Final = 3
"""Letters of a `word*`: shorter ones would begin everything."""
_GERMAN: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_UMLAUTS: Final = {ord(one): two for one, two in zip("äöüÄÖÜ", ("ae", "oe", "ue", "Ae", "Oe", "Ue"), strict=True)}
ROLE: Final = "@"
"""Before the name of a role among senses: `@person` is a word for people, `person` a name of one."""
_WORD: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*\*?")

Senses = frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lexicon:
    """What words mean in names of columns, and what coded values are."""

    classes: Mapping[str, Classification]
    """By kind, the strongest first."""
    words: Mapping[str, Senses]
    """Whole words, and runs of words joined by `_`."""
    stems: Mapping[str, Senses]
    """What a word may begin with."""
    skeletons: Mapping[str, Senses]
    """Words without their vowels: `brthdt`."""
    values: Mapping[str, frozenset[str]]
    """Folded values by kind."""
    sets: tuple[tuple[str, frozenset[str]], ...] = ()
    """Kinds told by a whole set of codes: M and F."""
    longest: int = 1
    """Words in the longest run."""

    def extended(self, text: str) -> Lexicon:
        """Give a lexicon with a site's own words before these.

        Args:
            text: YAML: `kind: {class: …, words: [kdnr, geb_dat*], values: [a, b]}`; class only for a new kind.

        Raises:
            Invalid: not such a mapping.
        """
        added = _read(text)
        classes, words, values = dict[str, Classification](), dict[str, list[str]](), dict[str, frozenset[str]]()
        for kind, entry in added.items():
            classes[kind] = _class_of(kind, entry, self.classes)
            words[kind] = _strings(kind, entry, "words")
            values[kind] = self.values.get(kind, frozenset()) | {plain(one) for one in _strings(kind, entry, "values")}
        index = _Index()
        for kind, many in words.items():
            index.add(kind, many)
        own = index.lexicon(classes=classes | {k: c for k, c in self.classes.items() if k not in classes}, values={})
        return dataclasses.replace(
            own,
            words={**self.words, **own.words},  # a site's meaning of a word replaces ours
            stems={**self.stems, **own.stems},
            skeletons={**self.skeletons, **own.skeletons},
            values={**self.values, **values},
            sets=self.sets,
            longest=max(self.longest, own.longest),
        )


def plain(text: str) -> str:
    """Fold a value or a word for comparison: lower case, no accents, one `_` for what is between words."""
    return "_".join(re.findall(r"[a-z0-9]+", words_folded(text)))


def skeleton(word: str) -> str:
    """Take the vowels out, but a first one, and double letters."""
    kept = word[:1] + re.sub(r"[aeiouy]", "", word[1:])
    return re.sub(r"(.)\1+", r"\1", kept)


def german_spelled(text: str) -> str:
    """Write ä ö ü as ae oe ue, before accents are taken off."""
    composed = unicodedata.normalize("NFC", text)
    return composed.translate(_UMLAUTS)


class _Index:
    """Words on their way into a lexicon."""

    def __init__(self) -> None:
        self.words: dict[str, set[str]] = defaultdict(set)
        self.stems: dict[str, set[str]] = defaultdict(set)
        self.skeletons: dict[str, set[str]] = {}

    def add(self, sense: str, words: Iterable[str]) -> None:
        """Add words of one sense; a stem is a word too."""
        for word in words:
            for spelled in _spellings(word):
                whole = spelled.rstrip("*")
                self.words[whole].add(sense)
                if spelled != whole:
                    self.stems[whole].add(sense)

    def lexicon(
        self,
        *,
        classes: Mapping[str, Classification],
        values: Mapping[str, frozenset[str]],
        sets: tuple[tuple[str, frozenset[str]], ...] = (),
    ) -> Lexicon:
        """Close the index."""
        for word, senses in self.words.items():
            bare = skeleton(word)
            if "_" not in word and len(bare) >= _SKELETON_MIN and bare not in self.words:
                self.skeletons.setdefault(bare, senses)
        return Lexicon(
            classes=classes,
            words={word: frozenset(senses) for word, senses in self.words.items()},
            stems={word: frozenset(senses) for word, senses in self.stems.items()},
            skeletons={word: frozenset(senses) for word, senses in self.skeletons.items()},
            values=values,
            sets=sets,
            longest=max((word.count("_") + 1 for word in self.words), default=1),
        )


def _spellings(word: str) -> set[str]:
    """A word as it is, and with German umlauts as bare vowels."""
    other = word
    for two, one in _GERMAN:
        other = other.replace(two, one)
    return {word, other} if len(other) > _STEM_MIN else {word}


def _read(text: str) -> dict[str, dict[str, Any]]:
    try:
        read = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both are safe loaders
    except yaml.YAMLError as error:
        raise Invalid("a lexicon must be YAML, and this is not", code="lexicon.yaml") from error
    if not isinstance(read, dict) or not all(isinstance(k, str) and isinstance(e, dict) for k, e in read.items()):
        raise Invalid("a lexicon must map each kind to `class`, `words` and `values`", code="lexicon.shape")
    return read


def _class_of(kind: str, entry: Mapping[str, Any], known: Mapping[str, Classification]) -> Classification:
    given = entry.get("class", known.get(kind))
    for one in CLASSIFICATIONS:
        if one == given:
            return one
    allowed = ", ".join(CLASSIFICATIONS)
    raise Invalid(f"lexicon kind {kind!r} needs a class, one of {allowed}", code="lexicon.class")


def _strings(kind: str, entry: Mapping[str, Any], key: str) -> list[str]:
    listed = entry.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Invalid(f"lexicon kind {kind!r}: `{key}` must be a list of texts", code="lexicon.words")
    if key == "values":
        return listed
    words = [plain(german_spelled(one)) + ("*" if one.endswith("*") else "") for one in listed]
    if not all(_WORD.fullmatch(one) and len(one.rstrip("*")) >= (_STEM_MIN if "*" in one else 1) for one in words):
        raise Invalid(
            f"lexicon kind {kind!r}: a word is letters and digits, a stem has {_STEM_MIN} letters before `*`",
            code="lexicon.words",
        )
    return words


def _default() -> Lexicon:
    roles, kinds, values = (
        _read((_FOLDER / f"{name}.yaml").read_text("utf-8")) for name in ("roles", "kinds", "values")
    )
    index = _Index()
    for kind, entry in kinds.items():
        for language, words in entry.items():
            if language != "class":
                index.add(kind, words.split())
    for role, entry in roles.items():
        for words in entry.values():
            index.add(ROLE + role, words.split())
    sets = [(kind, frozenset(one.split())) for kind, entry in values.items() for one in entry.get("sets", ())]
    return index.lexicon(
        classes={kind: _class_of(kind, entry, {}) for kind, entry in kinds.items()},
        values={kind: frozenset(entry["words"].split()) for kind, entry in values.items()},
        sets=tuple(sets),
    )


DEFAULT: Final = _default()
"""What comes with the gateway."""
