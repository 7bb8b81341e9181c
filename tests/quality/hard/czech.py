"""Czech declension of personal names, by the endings that the set's names have.

Cases: g genitive, d dative, a accusative, l locative, i instrumental, v vocative. Source: the paradigms pán, muž,
předseda, žena, růže and the adjectival ones of any school grammar; names outside of them stay as they are.
"""

from __future__ import annotations

from typing import Final

CASES: Final = "gdaliv"
_SOFT: Final = "řšžčcjňťď"
_PALATAL: Final = {"k": "ce", "g": "ze", "h": "ze", "r": "ře", "l": "le", "z": "ze", "s": "se"}
_VANISHING: Final = {"Karel": "Karl", "Pavel": "Pavl", "Král": "Král"}


def decline(name: str, gender: str, case: str, *, paired: bool = False) -> str:
    """Put one word of a name into a case; `paired` is a first name before its family name (Janu Novákovi)."""
    if gender == "f":
        return _feminine(name, case)
    return _masculine(name, case, paired=paired)


def _feminine(name: str, case: str) -> str:
    at = CASES.index(case)
    stem, last = name[:-1], name[-1]
    if last == "á":
        return stem + ("é", "é", "ou", "é", "ou", "á")[at]
    if last == "a":
        dative = stem[:-1] + _PALATAL[stem[-1]] if stem[-1] in _PALATAL else stem + "ě"
        return (stem + "y", dative, stem + "u", dative, stem + "ou", stem + "o")[at]
    if last == "e":
        return stem + ("e", "i", "i", "i", "í", "e")[at]
    return name


def _masculine(name: str, case: str, *, paired: bool) -> str:
    at = CASES.index(case)
    stem, last = name[:-1], name[-1]
    if last == "ý":
        return stem + ("ého", "ému", "ého", "ém", "ým", "ý")[at]
    if last == "í":
        return stem + ("ího", "ímu", "ího", "ím", "ím", "í")[at]
    if last == "a":
        return stem + ("y", "ovi", "u", "ovi", "ou", "o")[at]
    if last in "ůoie":
        return name
    stem = _stem(name)
    if last in _SOFT or name == "Král":
        dative = "i" if paired else "ovi"
        vocative = stem[:-1] + "če" if name.endswith("ec") else stem + "i"
        return (stem + "e", stem + dative, stem + "e", stem + dative, stem + "em", vocative)[at]
    dative = "u" if paired else "ovi"
    return (stem + "a", stem + dative, stem + "a", stem + dative, stem + "em", _vocative(stem))[at]


def _stem(name: str) -> str:
    if name in _VANISHING:
        return _VANISHING[name]
    if name.endswith(("něk", "děk", "těk")):
        return name[:-3] + {"n": "ň", "d": "ď", "t": "ť"}[name[-3]] + "k"
    if name.endswith(("ek", "ec")) and len(name) > 3:
        return name[:-2] + name[-1]
    return name


def _vocative(stem: str) -> str:
    if stem[-1] in "kgh":
        return stem + "u"
    if stem[-1] == "r" and stem[-2] not in "aeiouyáéíóúůý":
        return stem[:-1] + "ře"
    return stem + "e"


def feminine(family_name: str) -> str:
    """The family name of a man's wife: Novák, Nováková."""
    if family_name[-1] == "ý":
        return family_name[:-1] + "á"
    if family_name[-1] in "íů":
        return family_name
    stem = family_name[:-1] if family_name[-1] == "a" else _stem(family_name)
    return stem + "ová"
