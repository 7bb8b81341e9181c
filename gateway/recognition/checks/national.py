"""National identity, tax and health numbers of persons. Check digits by python-stdnum; what it lacks is here.

NINO has no check digit: form and the prefixes that HMRC excludes (NIM39110). A tax number of a company is not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

from stdnum.at import tin, vnr
from stdnum.bg import egn
from stdnum.ch import ssn as ahv
from stdnum.de import idnr, stnr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nif, nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.lt import asmens
from stdnum.nl import bsn
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp
from stdnum.si import emso
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn

from gateway.recognition.checks.check import Check
from gateway.recognition.checks.dated import (
    is_belgian,
    is_birth_number,
    is_danish,
    is_norwegian,
    is_pesel,
    is_swedish,
)

_MAX_LENGTH = 24
"""Characters of the longest number with its separators."""
_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_SPACES = str.maketrans("", "", " -.")
_PT_FIRST = frozenset("123")
"""The first digit of a person's NIF; others are companies."""


def is_nino(text: str) -> bool:
    """Check the form of a British National Insurance number."""
    return _NINO.fullmatch(text.translate(_SPACES).upper()) is not None


def _is_latvian(text: str) -> bool:
    """Latvian personal code: the old kind holds a birth date; both have a check digit (mod 11)."""
    digits = text.translate(_SPACES)
    if len(digits) != 11 or not digits.isdigit():  # noqa: PLR2004 its length
        return False
    if digits[:2] == "32":  # issued since 2017: no date, no published check digit
        return True
    weights = (1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    has_date = 1 <= int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12 and digits[6] in "012"  # noqa: PLR2004 a day
    return has_date and (1101 - sum(w * int(d) for w, d in zip(weights, digits, strict=False))) % 11 == int(digits[10])


def _is_hungarian(text: str) -> bool:
    """Hungarian tax number of a person: begins with 8, weighted sum mod 11 (Act CIII of 2023, annex)."""
    digits = text.translate(_SPACES)
    if len(digits) != 10 or not digits.isdigit() or digits[0] != "8":  # noqa: PLR2004 its length
        return False
    return sum(place * int(digit) for place, digit in enumerate(digits[:9], 1)) % 11 == int(digits[9])


def _of(module: ModuleType, *, first: frozenset[str] = frozenset()) -> Callable[[str], bool]:
    """Wrap a stdnum module: bounded, ASCII, and never raising."""

    def accepts(text: str) -> bool:
        if not 0 < len(text) <= _MAX_LENGTH or (first and text[0] not in first):
            return False
        try:
            return bool(module.is_valid(text))
        except (ValueError, LookupError, TypeError, AttributeError):  # stdnum raises on odd input: not one of these
            return False

    return accepts


def _check(name: str, accepts: Callable[[str], bool], shape: str, chance: float) -> Check:
    country = name.partition(".")[0]
    return Check(
        name=name,
        kind="national_id",
        countries=frozenset({"cz", "sk"} if name == "cz.rc" else {country}),
        shape=shape,
        chance=chance,
        accepts=accepts,
    )


NATIONAL: tuple[Check, ...] = (
    _check("at.vnr", _of(vnr), "9999999999", 0.09),
    _check("at.tin", _of(tin), "999999999", 0.045),
    _check("be.nn", is_belgian, "99999999999", 0.002),
    _check("bg.egn", _of(egn), "9999999999", 0.012),
    _check("ch.ssn", _of(ahv), "7569999999999", 0.1),
    _check("cz.rc", is_birth_number, "9999999999", 0.025),
    _check("de.idnr", _of(idnr), "99999999999", 0.004),
    _check("de.stnr", _of(stnr), "99999999999", 1.0),
    _check("dk.cpr", is_danish, "9999999999", 0.036),
    _check("ee.ik", _of(ik), "99999999999", 0.004),
    _check("es.dni", _of(dni), "99999999A", 0.04),
    _check("es.nie", _of(nie), "A9999999A", 0.005),
    _check("fi.hetu", _of(hetu), "999999-999*", 0.001),
    _check("fr.nif", _of(nif), "9999999999999", 0.0005),
    _check("fr.nir", _of(nir), "999999999999999", 0.01),
    _check("gb.nhs", _of(nhs), "9999999999", 0.09),
    _check("gb.nino", is_nino, "AA999999A", 0.1),
    _check("gr.amka", _of(amka), "99999999999", 0.004),
    _check("hr.oib", _of(oib), "99999999999", 0.1),
    _check("hu.tin", _is_hungarian, "9999999999", 0.01),
    _check("ie.pps", _of(pps), "9999999A", 0.035),
    _check("is.kennitala", _of(kennitala), "9999999999", 0.002),
    _check("it.codicefiscale", _of(codicefiscale), "AAAAAA99A99A999A", 0.015),
    _check("lt.asmens", _of(asmens), "99999999999", 0.015),
    _check("lv.pk", _is_latvian, "99999999999", 0.012),
    _check("nl.bsn", _of(bsn), "999999999", 0.09),
    _check("no.fnr", is_norwegian, "99999999999", 0.001),
    _check("pl.pesel", is_pesel, "99999999999", 0.02),
    _check("pt.nif", _of(pt_nif, first=_PT_FIRST), "999999999", 0.03),
    _check("ro.cnp", _of(cnp), "9999999999999", 0.003),
    _check("se.personnummer", is_swedish, "9999999999", 0.004),
    _check("si.emso", _of(emso), "9999999999999", 0.002),
    _check("tr.tckn", _of(tckimlik), "99999999999", 0.01),
    _check("us.itin", _of(itin), "999999999", 0.03),
    _check("us.ssn", _of(ssn), "999999999", 0.89),
)
