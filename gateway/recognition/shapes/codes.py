"""Codes of letters and digits in texts: tax numbers, documents, LEI, plates, user names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gateway.recognition.checks import CHECKS
from gateway.recognition.checks.iban import is_bic, is_lei
from gateway.recognition.checks.national import is_nino
from gateway.recognition.shapes.cues import NOTHING, cue_before
from gateway.recognition.shapes.draft import Piece
from gateway.terms.recognition import Kind

_CODE = re.compile(r"[A-Za-z0-9](?<![^\W_].)(?=[A-Za-z]{0,22}[0-9]|(?<=[0-9]))[A-Za-z0-9]{4,23}(?![^\W_])")
# The first digit comes before what must not stand before it: so the search runs from digit to digit.
_FROM_DIGIT = re.compile(
    r"[0-9](?<![^\W_].)(?:"
    r"(?P<dni>[0-9]?\.?[0-9]{3}\.?[0-9]{3}[ -]?[A-Z])"
    r"|(?P<hetu>[0-9]{5}[-+A-FU-Y][0-9]{3}[0-9A-Y])"
    r"|(?P<pps>[0-9]{6}[ -]?[A-W][A-IWTX]?)"
    r"|(?P<nir>(?<=[12]) ?[0-9]{2} ?[0-9]{2} ?2[AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2})"
    r")(?![^\W_])",
    re.IGNORECASE,
)
_FROM_LETTER = re.compile(
    r"(?<![^\W_])(?:"
    r"(?P<nino>[A-CEGHJ-PR-TW-Z]{2}[ -]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?[0-9]{2}[ -]?[A-D])"
    r"|(?P<nie>[XYZ][ -]?[0-9]{7}[ -]?[A-Z])"
    r"|(?P<cf>[A-Z]{3}[ -]?[A-Z]{3}[ -]?[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[ -]?[A-Z][0-9LMNP-V]{3}[A-Z])"
    r")(?![^\W_])",
    re.IGNORECASE,
)
_PLATE = re.compile(r"-[0-9]{3}-(?<=[A-HJ-NP-TV-Z]{2}.{5})(?<![\w-].{7})[A-HJ-NP-TV-Z]{2}(?![\w-])")
_CUED_PLATE = re.compile(r"[A-ZÄÖÜ0-9]{1,4}(?:[ \-:]{1,2}[A-Z0-9]{1,4}){0,3}(?!\w)")
_CUED_CODE = re.compile(r"[A-Z0-9]{1,12}(?:[ -][A-Z0-9]{2,8}){0,3}(?![^\W_])")
_PLATE_CUE = re.compile(
    r"\b(?:Kennzeichen|Kfz|KFZ|Nummernschild|plate|registration|immatriculation|plaque|targa|matr[ií]cula|kenteken|rejestracyjny"
    r"|SPZ|RZ)\b[:. ]{1,3}(?:(?:number|no|nr|n°|numer)\b[:. ]{1,3})?"
)
_LOGIN = re.compile(
    r"\b(?:user ?name|user ?id|login|Benutzername|Benutzerkennung|Nutzername|identifiant|nombre de usuario|nome utente"
    r"|gebruikersnaam|u[zż]ytkownik|u[zž]ivatelsk[eé] jm[eé]no)\b ?[:=] ?([\w.\-]{3,40})",
    re.IGNORECASE,
)
_SWIFT = re.compile(
    r"\b(?:BIC|SWIFT|bic|swift)\b[:./ ]{1,3}(?:(?:code|Code|CODE)[: ]{1,2})?([A-Za-z0-9]{8}(?:[A-Za-z0-9]{3})?)\b"
)
_MIN_DOCUMENT_DIGITS = 3
_LEI_LENGTH = 20
_NOT_OF_ITSELF = frozenset({"dni", "pps"})
"""Digits and one letter: with a wrong check letter they need a cue, or a sign between."""
_VALID: dict[str, Callable[[str], bool]] = {
    "nino": is_nino,
    "dni": CHECKS["es.dni"].validate,
    "nie": CHECKS["es.nie"].validate,
    "cf": CHECKS["it.codicefiscale"].validate,
    "hetu": CHECKS["fi.hetu"].validate,
    "pps": CHECKS["ie.pps"].validate,
    "nir": CHECKS["fr.nir"].validate,
}
_GROUPING = str.maketrans("", "", " .")


def national_from_digit(text: str) -> Iterator[Piece]:
    """Give national numbers that begin with a digit and have a letter, in any case and grouping."""
    for match in _FROM_DIGIT.finditer(text):
        yield from _national(text, match)


def national_from_letter(text: str) -> Iterator[Piece]:
    """Give those that begin with a letter."""
    for match in _FROM_LETTER.finditer(text):
        yield from _national(text, match)


def _national(text: str, match: re.Match[str]) -> Iterator[Piece]:
    name = str(match.lastgroup)
    bare = match[0].translate(_GROUPING).upper()
    bare = bare if name == "hetu" else bare.replace("-", "")
    is_valid = _VALID[name](bare)
    if not is_valid and (name == "nino" or (name == "hetu" and bare[-1].isdigit())):
        return  # a Nordic number of ten digits has the Finnish one's form
    if name in _NOT_OF_ITSELF:
        cue = cue_before(text, match.start())
        if cue == NOTHING or (not is_valid and cue != "national_id"):
            return
    yield Piece(match.start(), match.end(), "national_id", is_valid)


def codes(text: str) -> Iterator[Piece]:
    """Give LEI by its check digits, plates of the strong form, and what a cue names."""
    for match in _CODE.finditer(text):
        upper = match[0].upper()
        if len(upper) == _LEI_LENGTH and is_lei(upper):
            yield Piece(match.start(), match.end(), "lei")
        else:
            piece = _cued(text, match)
            if piece:
                yield piece
    for match in _PLATE.finditer(text):
        yield Piece(match.start() - 2, match.end(), "plate")


def named(text: str) -> Iterator[Piece]:
    """Give plates, user names and BICs that stand right after their word."""
    for cue in _PLATE_CUE.finditer(text):
        plate = _CUED_PLATE.match(text, cue.end())
        if plate and any(char.isdigit() for char in plate[0]):
            yield Piece(plate.start(), plate.end(), "plate")
    for login in _LOGIN.finditer(text):
        yield Piece(*login.span(1), "username")
    for swift in _SWIFT.finditer(text):
        if is_bic(swift[1].upper()):
            yield Piece(*swift.span(1), "bic")


_CUED_KINDS: dict[str, Kind] = {
    "document": "document",
    "national_id": "national_id",
    "account": "account",
    "identifier": "identifier",
}


def _cued(text: str, match: re.Match[str]) -> Piece | None:
    """A code after a cue, with the groups of capitals about it: `passport C01X 00T47`."""
    if sum(char.isdigit() for char in match[0]) < _MIN_DOCUMENT_DIGITS:
        return None
    kind = _CUED_KINDS.get(cue_before(text, match.start()))
    if kind is None or match[0].isdigit():
        return None
    start = match.start()
    head = re.search(r"(?<![^\W_])[A-Z0-9]{1,4}[ -]$", text[max(0, start - 6) : start])
    start -= len(head[0]) if head else 0
    whole = _CUED_CODE.match(text, start)
    end = max(match.end(), whole.end()) if whole else match.end()
    return Piece(start, end, kind)
