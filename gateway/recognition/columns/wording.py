"""Columns of texts that no check digit explains: free text, names of people, addresses, towns, codes, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.recognition.columns.guess import OF_KIND, Guess, direct, public, quasi
from gateway.recognition.columns.lexicon import Lexicon, plain
from gateway.recognition.columns.shape import Shape
from gateway.recognition.folding import words_folded
from gateway.recognition.names import FIRST, LAST, PLACE
from gateway.terms.recognition import Evidence

Gazetteer = Mapping[str, int]
"""Folded words with the bits FIRST, LAST and PLACE."""

_SAMPLE: Final = 120
_WORDS: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")
_MASKED: Final = re.compile(r"[\w@.+ -]{0,8}[*•●xX#-]*[*•●#X]{3,}[*•●#xX -]*[\w@.+ -]{0,24}")
_POINT: Final = re.compile(r"\(?-?\d{1,3}\.\d{3,}[,; ] ?-?\d{1,3}\.\d{3,}\)?|POINT ?\(.{3,60}\)")
_HOUSE: Final = re.compile(
    r"(?:\d{1,5}[A-Za-z]?,? [^\W\d_].{3,}|.*[^\W\d_]{3,}[. ]+\d{1,5}(?:[ /-]?\w{1,4})?(?:[, ].*)?)"
)
_STREET: Final = re.compile(
    r"(?i)(?:str\.|stra(?:ss|ß)e|weg|gasse|allee|platz|straat|laan|gracht|plein|kade|damm|ufer|chaussee|singel|dreef|steeg|dijk)\b|\b(?:street|st|road|rd|avenue|ave|av|"
    r"lane|ln|drive|dr|close|court|crescent|boulevard|blvd|bd|rue|chemin|place|impasse|quai|all[ée]e|route|via|viale|piazza|corso|"
    r"vicolo|calle|c/|avda|avenida|plaza|paseo|carrer|ulica|ul|aleja|al|os|pl|plac|n[áa]m[ěe]st[íi]|t[řr][íi]da|rua|travessa|"
    r"largo|square|terrace|way|parkway|hill|mews|gardens|cours|passage|camino|carretera|ctra|ronda|rambla|glorieta|pasaje|"
    r"callej[óo]n|urbanizaci[óo]n|traves[íi]a|cuesta|alameda|passeig|contrada|strada|borgo|lungomare|faubourg|sentier|esplanade|"
    r"r[ée]sidence|praceta|estrada|rondo|skwer)\b"
)
_STRONG_POSTCODE: Final = re.compile(
    r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{4} ?[A-Z]{2}|\d{2}-\d{3}|\d{3} \d{2}|\d{4}-\d{3}|[A-Z]\d[A-Z] ?\d[A-Z]\d|"
    r"[A-Z]{1,2}-\d{4,5}"
)
_WEAK_POSTCODE: Final = re.compile(r"\d{4,5}")
_HANDLE: Final = re.compile(r"[a-z][a-z0-9]*[._-]?[a-z0-9]+").fullmatch
_PLAIN_ID: Final = re.compile(
    r"(?!.*[^\W\d_]{4,} )[\w./:#@+=|()-]*\d[\w./:#@+=|()-]*|(?!.*[^\W\d_]{4})[\w./:#@+=|() -]{5,34}"
)
_COMPANY: Final = re.compile(
    r"(?i)\b(?:gmbh|ag|kg|ohg|e\.?v|ltd|limited|plc|llp|inc|corp|llc|co|sa|sarl|sas|s\.?l|s\.?p\.?a|s\.?r\.?l|s\.?r\.?o|"
    r"a\.?s|sp\. ?z|b\.?v|n\.?v|oy|ab|group|bank|banque|banca|banco)\b"
)
_MAX_CODES: Final = 80
_CODED: Final = 0.6
"""Share of the values that must be known; sites add codes of their own."""
_LONG_WORD: Final = 4
_NEUTRAL_WORDS: Final = """
other others unknown none na nan null prefer_not_to_say not_specified missing andere sonstige unbekannt keine autre
inconnu otro desconocido altro ignoto jine neznamo inne nieznane overig onbekend outro n_a x private undisclosed
not_known
"""
_NEUTRAL: Final = frozenset(["", *_NEUTRAL_WORDS.split()])
"""Values that every coded column may hold."""
_PEOPLE: Final = 0.5
"""Share of values that hold a known name. Half: names of merchants and months hold some too."""
_MAX_PARTS: Final = 6
_ENOUGH: Final = 20
"""Distinct values from which a share says something."""


def blob(shape: Shape) -> Guess | None:
    """Free text, or a document in a cell."""
    if shape.family not in {"text", "other"}:
        return None
    if shape.is_wordy:
        return _text(0.9)
    bracketed = sum(value[:1] in "{[<" and value[-1:] in "}]>" for value in shape.sample)
    if bracketed > len(shape.sample) * 0.8 and shape.mean_length > 20:  # noqa: PLR2004 a document in a cell
        return _text(0.8)
    return _text(0.6) if shape.mean_length > 100 else None  # noqa: PLR2004 nobody's code is so long


def _text(confidence: float) -> Guess:
    return Guess(
        classification="free_text", kind="note", confidence=confidence, evidence=(Evidence(rule="values:text"),)
    )


def masked(shape: Shape) -> bool:
    """Say whether the values are hidden in part already: `****1234`."""
    hits = sum(_MASKED.fullmatch(value) is not None for value in shape.sample[:_SAMPLE])
    return hits >= 0.8 * len(shape.sample[:_SAMPLE]) > 0


def coded(shape: Shape, lexicon: Lexicon) -> Guess | None:
    """Find a kind whose coded values are known: gender, marital status, currency, country."""
    if not 1 < shape.distinct <= _MAX_CODES:
        return None
    values = {plain(value) for value in shape.sample} - _NEUTRAL
    for kind, one in lexicon.sets:
        if len(values & one) > 1 and len(values - one) <= (len(values) > 2):  # noqa: PLR2004 one more may be `unknown`
            return _of_kind(kind, lexicon, len(values & one), len(values))
    counted = {kind: _known(values, words) for kind, words in lexicon.values.items()}
    kind = max(counted, key=lambda one: counted[one])
    if counted[kind] < max(2, _CODED * len(values)):
        return None
    return _of_kind(kind, lexicon, counted[kind], len(values))


def _known(values: set[str], words: frozenset[str]) -> int:
    """How many values are such words, or runs that hold one: `married_civ_spouse`."""
    return sum(
        value in words or any(len(part) >= _LONG_WORD and part in words for part in value.split("_"))
        for value in values
    )


def _of_kind(kind: str, lexicon: Lexicon, matched: int, tried: int) -> Guess:
    classification = lexicon.classes.get(kind) or OF_KIND[kind]
    confidence = {"public": 0.65, "sensitive": 0.65}.get(classification, 0.75)
    if kind == "currency":
        confidence = 0.8
    return Guess(
        classification=classification,
        kind={"country_code": "country"}.get(kind, kind),
        confidence=confidence,
        evidence=(Evidence(rule=f"values:{kind}", matched=matched, tried=tried),),
    )


def people(shape: Shape, gazetteer: Gazetteer) -> Guess | None:
    """Names of people, towns, or companies: by what their words are known as."""
    sample = shape.sample[:_SAMPLE]
    if shape.with_digit > 0.3 or not 2 < shape.mean_length < 50 or shape.mean_spaces > 4 or shape.distinct < 3:  # noqa: PLR2004
        return None
    if sum(_COMPANY.search(value) is not None for value in sample) > len(sample) / 4:
        return quasi("organisation", 0.55, "values:companies")
    words = [_WORDS.findall(value) for value in sample]
    parts = [[gazetteer.get(words_folded(word), 0) for word in one] for one in words]
    if sum(len(bits) > 1 for bits in parts) > len(sample) * 0.3:
        return _full_names(words, parts)
    return _single_names(parts, shape)


def _single_names(parts: list[list[int]], shape: Shape) -> Guess | None:
    """A first or a last name a value, or a town."""
    size = len(parts)
    first, last, place = (sum(any(bit & one for bit in bits) for bits in parts) for one in (FIRST, LAST, PLACE))
    if place >= 0.8 * size and place >= max(first, last):
        return quasi("city", 0.65, "gazetteer:place", matched=place, tried=size)
    if shape.distinct < _ENOUGH:
        return None
    if max(first, last) >= _PEOPLE * size and max(first, last) >= place:
        return _person("first_name" if first > last - size * 0.15 else "last_name", max(first, last), size)
    return quasi("city", 0.6, "gazetteer:place", matched=place, tried=size) if place >= _PEOPLE * size else None


def _full_names(words: list[list[str]], parts: list[list[int]]) -> Guess | None:
    """A first and a last name, or a known name and an initial, in most values; a town of two words holds neither."""
    size = len(parts)
    both = some = place = 0
    for of_value, bits in zip(words, parts, strict=True):
        names = sum(bool(bit & (FIRST | LAST)) for bit in bits)
        has_initial = any(len(word) == 1 for word in of_value)
        place += any(bit & PLACE for bit in bits)
        some += any(bit & FIRST for bit in bits)
        both += 2 <= len(bits) <= _MAX_PARTS and (names > 1 or (names == 1 and has_initial))  # noqa: PLR2004 first and last
    if both >= 0.4 * size or (some >= 0.6 * size and both >= size / 4):
        return _person("person", max(both, some), size)
    return quasi("city", 0.6, "gazetteer:place", matched=place, tried=size) if place >= 0.6 * size else None


def _person(kind: str, matched: int, tried: int) -> Guess:
    confidence = min(0.95, 0.5 + matched / tried / 2) if tried >= _ENOUGH else 0.6
    return direct(kind, confidence, "gazetteer:person", matched=matched, tried=tried)


def addresses(shape: Shape) -> bool:
    """Say whether most values are a house in a street, however many words they have."""
    sample = shape.sample[:_SAMPLE]
    housed = sum(_HOUSE.fullmatch(value) is not None and _STREET.search(value) is not None for value in sample)
    return shape.mean_length < 80 and housed > 0.6 * len(sample)  # noqa: PLR2004 longer is a text


def places(shape: Shape) -> Guess | None:
    """Addresses, postcodes and points on the earth, by their form."""
    sample = shape.sample[:_SAMPLE]
    size = len(sample)
    if sum(_POINT.fullmatch(value) is not None for value in sample) > 0.8 * size:
        return quasi("location", 0.8, "values:degrees")
    posted = sum(_STRONG_POSTCODE.fullmatch(value) is not None for value in sample)
    if posted > 0.8 * size:
        return quasi("postcode", 0.7, "values:postcode", matched=posted, tried=size)
    lengths = {len(value) for value in sample}
    if (
        len(lengths) == 1
        and not shape.is_few
        and all(_WEAK_POSTCODE.fullmatch(value) for value in sample)
        and (shape.family == "text" or any(value[0] == "0" for value in sample))
    ):
        return quasi("postcode", 0.6, "values:digits")
    if shape.mean_spaces >= 0.8 and shape.share > 0.2:  # noqa: PLR2004 an address has words
        housed = sum(_HOUSE.fullmatch(value) is not None for value in sample)
        streets = sum(_STREET.search(value) is not None for value in sample)
        if housed >= 0.6 * size:
            return direct("address", 0.8 if streets > size / 3 else 0.6, "values:address", matched=housed, tried=size)
    return None


def opaque(shape: Shape) -> Guess | None:
    """Codes of digits and letters that seldom repeat: somebody's number, or the row's."""
    sample = shape.sample[:_SAMPLE]
    size = len(sample)
    is_unique = shape.share > 0.9  # noqa: PLR2004 hardly a value twice
    if sum(_UUID.fullmatch(value) is not None for value in sample) > 0.9 * size:
        return public("row_id", 0.6, "values:uuid") if is_unique else direct("identifier", 0.6, "values:uuid")
    if is_unique and shape.distinct >= _ENOUGH and sum(_HANDLE(value) is not None for value in sample) > 0.8 * size:
        return direct("username", 0.5, "values:unique")
    numbered = sum(_PLAIN_ID.fullmatch(value) is not None and len(value) > 4 for value in sample)  # noqa: PLR2004
    if numbered <= 0.9 * size or shape.is_few or shape.mean_digits < 3:  # noqa: PLR2004 a code has letters too
        return None
    return direct("identifier", 0.6 if is_unique else 0.5, "values:unique", matched=numbered, tried=size)


def leftover(shape: Shape) -> Guess:
    """Nothing is known: few values are a category; many may be anything, so they are masked until somebody looks."""
    if shape.is_few or shape.distinct <= 50 >= shape.share * 100:  # noqa: PLR2004 half of the rows repeat
        return public("category", 0.6, "values:few")
    return quasi("text", 0.5, "values:many")
