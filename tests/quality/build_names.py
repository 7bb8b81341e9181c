"""Write the lexicon of gateway/recognition/names from other projects' lists: `python build_names.py SOURCES`.

SOURCES is a folder of unpacked wheels (`pip download --no-deps`, unzip), all MIT or BSD:
faker, mimesis, names (person names and towns), babel (countries, languages, months),
django, django-oscar, django-allauth, wagtail, indico, modoboa (translated sentences, for ordinary words),
spacy-lookups-data (lemma tables and the frequency lists of en, de, es).
Run it with faker, mimesis, names and babel importable. The files are the same for the same sources.
"""

from __future__ import annotations

import collections
import gzip
import importlib
import json
import math
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

NAMES: Final = Path(__file__).parents[2] / "gateway" / "recognition" / "names"
LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "cs", "sk", "pt")
PEOPLE: Final = (
    "cs_CZ",
    "da_DK",
    "de_AT",
    "de_CH",
    "de_DE",
    "de_LU",
    "en_GB",
    "en_IE",
    "en_IN",
    "en_NZ",
    "en_PK",
    "en_US",
    "es_AR",
    "es_CL",
    "es_CO",
    "es_ES",
    "es_MX",
    "es_CA",
    "et_EE",
    "fi_FI",
    "fr_BE",
    "fr_CA",
    "fr_CH",
    "fr_DZ",
    "fr_FR",
    "ga_IE",
    "hr_HR",
    "hu_HU",
    "id_ID",
    "it_IT",
    "lt_LT",
    "lv_LV",
    "nl_BE",
    "nl_NL",
    "no_NO",
    "pl_PL",
    "pt_BR",
    "pt_PT",
    "ro_RO",
    "sk_SK",
    "sl_SI",
    "sv_SE",
    "tr_TR",
    "vi_VN",
    "zh_CN",
    "az_AZ",
)
SURNAMES: Final = 30_000
"""Of the United States' census, by frequency: families from everywhere."""
FREQUENT: Final = {"en": 30_000, "de": 30_000, "es": 25_000}
"""How many of the frequent lower-case words are ordinary."""
COMMON: Final = 4_000
"""How many of them are so frequent that a name among them needs a cue."""
RARE: Final = -16.5
"""Log probability of a German noun below which it is left out."""
TOWNS: Final = (
    "cs_CZ",
    "de_AT",
    "de_CH",
    "de_DE",
    "en_GB",
    "es_ES",
    "fr_CH",
    "fr_FR",
    "it_IT",
    "nl_BE",
    "nl_NL",
    "pl_PL",
    "pt_PT",
    "sk_SK",
)
_LETTERS: Final = re.compile(r"[^\W\d_]{2,}")
_PO: Final = re.compile(r'^(msgstr(?:\[\d+\])?|msgid|msgid_plural|msgctxt)?\s*"(.*)"\s*$')
_CODE: Final = re.compile(r"%\(\w+\)[sd]|\{[^}]*\}|<[^>]*>|\\n|&\w+;|https?://\S+")
_APART: Final = re.compile(r"[ -]")
"""Of `Saint-Christophe-et-Niévès` no word alone is a place."""
_ODD: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def folded(word: str) -> str:
    """As gateway.recognition.folding.words_folded."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return bare.translate(_ODD)


def parts(values: Iterable[str]) -> Iterator[str]:
    """Folded Latin words of the values."""
    for value in values:
        for word in re.findall(r"[^\W\d_]+", value):
            plain = folded(word)
            if len(plain) >= 2 and plain.isascii() and not word.isupper():
                yield plain


def person_names() -> tuple[set[str], set[str], set[str]]:
    """First names, last names of Europe's lists, last names of the census."""
    first: set[str] = set()
    last: set[str] = set()
    for locale in PEOPLE:
        provider = vars(importlib.import_module(f"faker.providers.person.{locale}").Provider)
        for key, values in provider.items():
            if not isinstance(values, Collection) or ("romanized" not in key and locale == "zh_CN"):
                continue
            if key.startswith("first_"):
                first.update(parts(values))
            elif key.startswith("last_"):
                last.update(parts(values))
    _mimesis_names(first, last)
    census: set[str] = set()
    names = Path(importlib.import_module("names").__file__ or "").parent
    for line in (names / "dist.all.last").read_text().splitlines()[:SURNAMES]:
        census.add(line.split()[0].casefold())
    for sex in ("male", "female"):
        first.update(
            line.split()[0].casefold() for line in (names / f"dist.{sex}.first").read_text().splitlines()[:1200]
        )
    return first, last, census


def _mimesis_names(first: set[str], last: set[str]) -> None:
    mimesis = Path(importlib.import_module("mimesis").__file__ or "").parent / "datasets"
    for file in sorted(mimesis.glob("*/person.json")):
        held = json.loads(file.read_text())
        surnames = held.get("surnames", [])
        for group in surnames.values() if isinstance(surnames, dict) else [surnames]:
            last.update(parts(group))
        for group in held.get("names", {}).values():
            first.update(parts(group))


def places() -> tuple[set[str], set[str]]:
    """Words of countries, languages, months, weekdays and capitals; words of towns."""
    certain: set[str] = set()
    towns: set[str] = set()
    for locale in TOWNS:
        provider = vars(importlib.import_module(f"faker.providers.address.{locale}").Provider)
        for key in (
            "cities",
            "states",
            "countries",
            "counties",
            "regions",
            "departments",
            "provinces",
            "municipalities",
        ):
            flat = (v for value in provider.get(key, ()) for v in (value if isinstance(value, tuple) else (value,)))
            towns.update(parts(v for v in flat if " " not in v.strip()))
    mimesis = Path(importlib.import_module("mimesis").__file__ or "").parent / "datasets"
    for language in (*LANGUAGES, "en-gb", "de-at", "de-ch"):
        if language not in ("en", "pt") and (file := mimesis / language / "address.json").exists():
            towns.update(parts(v for v in json.loads(file.read_text()).get("city", []) if " " not in v))
    from babel import Locale

    for language in LANGUAGES:
        locale = Locale.parse(language)
        certain.update(parts(name for name in locale.territories.values() if not _APART.search(name)))
        certain.update(parts(name for name in locale.languages.values() if not _APART.search(name)))
        for form in ("format", "stand-alone"):
            certain.update(parts(locale.months[form]["wide"].values()))
            certain.update(parts(locale.days[form]["wide"].values()))
        zones = {name: zone for name, zone in locale.time_zones.items() if name.startswith("Europe/")}
        certain.update(parts(zone["city"] for zone in zones.values() if "city" in zone))
        certain.update(parts(name.partition("/")[2] for name in zones))
    return certain, towns


def sentences(sources: Path) -> dict[str, collections.Counter[str]]:
    """Words of translated messages, as written, by language."""
    words: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for file in sorted(sources.rglob("*.po")):
        found = re.search(
            r"/(?:locale|translations)/([a-z]{2})(?:[_-][A-Za-z]+)?/(?:LC_MESSAGES/)?[\w-]+\.po$", str(file)
        )
        if not found or found[1] not in LANGUAGES:
            continue
        current = ""
        for line in file.read_text(errors="replace").split("\n"):
            part = _PO.match(line)
            current = (part[1] or current) if part else ""
            language = found[1] if current.startswith("msgstr") else ("en" if current == "msgid" else "")
            if part and language and (language == found[1] or found[1] == "de"):
                words[language].update(_LETTERS.findall(_CODE.sub(" ", part[2])))
    return words


def _table(sources: Path, name: str) -> dict[str, object]:
    (file,) = sources.rglob(f"{name}.json.gz")
    return dict(json.loads(gzip.decompress(file.read_bytes())))


def ordinary(sources: Path, first: set[str], last: set[str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Folded ordinary words by language, and those of them that are common: a name among these needs a cue."""
    frequent = {language: _table(sources, f"{language}_lexeme_prob") for language in FREQUENT}
    seen = {w for table in frequent.values() for w in table if w.islower()}
    told = sentences(sources)
    names = first | last
    words: dict[str, set[str]] = {}
    common: dict[str, set[str]] = {}
    for language in LANGUAGES:
        plain = {w for w in told[language] if w.islower() or folded(w) not in names}
        ranked = _ranked(frequent[language]) if language in frequent else []
        common[language] = plain | set(ranked[:COMMON])
        words[language] = common[language] | set(ranked[: FREQUENT.get(language, 0)])
        if language == "de":
            words["de"] |= _nouns(sources, frequent["de"], first, names)
        elif language == "pl" or (language not in {"sk", "it"} and language not in frequent):  # it: a copyleft table
            words[language] |= _forms(sources, language, plain, seen if language != "pt" else set(), names)
    return {lang: _plain(held) for lang, held in words.items()}, {lang: _plain(held) for lang, held in common.items()}


def _plain(words: set[str]) -> set[str]:
    return {f for w in words if _LETTERS.fullmatch(w) and (f := folded(w)).isascii() and len(f) > 1}


def _ranked(table: dict[str, object]) -> list[str]:
    """Words written in lower case about as often as with a capital, the most frequent first."""
    chances = {w: float(str(p)) for w, p in table.items() if _LETTERS.fullmatch(w)}
    lower = (w for w in chances if w.islower() and chances[w] > chances.get(w.capitalize(), -math.inf) - 1.0)
    return sorted(lower, key=lambda w: (-chances[w], w))


def _nouns(sources: Path, table: dict[str, object], first: set[str], names: set[str]) -> set[str]:
    """German nouns of some frequency; a name is one only with more forms than its genitive."""
    forms: dict[str, set[str]] = collections.defaultdict(set)
    for form, lemma in _table(sources, "de_lemma_lookup").items():
        if form[:1].isupper() and str(lemma)[:1].isupper():
            forms[str(lemma)].add(form)
    found: set[str] = set()
    for lemma, held in forms.items():
        is_noun = held - {lemma, f"{lemma}s"} and folded(lemma) not in first
        if is_noun or folded(lemma) not in names:
            found |= {w for w in held | {lemma} if float(str(table.get(w, -99.0))) > RARE}
    return found


def _forms(sources: Path, language: str, told: set[str], seen: set[str], names: set[str]) -> set[str]:
    """Forms of lemmas that messages use, forms seen elsewhere, and every form that is a name too."""
    found: set[str] = set()
    kinds = ("_noun", "_verb", "_adj", "_adv") if language == "pl" else ("",)
    for kind in kinds:
        table = _table(sources, f"{language}_lemma_lookup{kind}")
        lemmas = {str(table.get(w, w)) for w in map(str.lower, told)}
        listed = {w for pair in table.items() for w in map(str, pair) if w.islower()}
        found |= {w for w in listed if w in seen or str(table.get(w, w)) in lemmas or folded(w) in names}
    return found


def write(name: str, lines: Iterable[str]) -> None:
    """One sorted file, equal bytes for equal lines."""
    data = "\n".join(sorted(lines)).encode() + b"\n"
    (NAMES / name).write_bytes(gzip.compress(data, 9, mtime=0))
    print(name, data.count(b"\n"), "lines", (NAMES / name).stat().st_size, "bytes")


def main(sources: Path) -> None:
    """Build names, places and words."""
    first, last, census = person_names()
    words, common = ordinary(sources, first, last | census)
    everywhere = set().union(*words.values())
    last |= {n for n in census if n not in everywhere and len(n) > 2}
    certain, towns = places()
    write("names.txt.gz", (f"{n}\t{'F' * (n in first)}{'L' * (n in last)}" for n in first | last))
    write("places.txt.gz", certain | (towns - first - last))
    by_word: dict[str, list[str]] = collections.defaultdict(list)
    for language, held in words.items():
        for word in held:
            by_word[word].append(language.upper() if word in common[language] else language)
    write("words.txt.gz", (f"{word}\t{' '.join(held)}" for word, held in by_word.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
