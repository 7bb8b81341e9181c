"""What check digits and strict forms say of a column's values.

The fraction that passes decides and how likely that is by chance: Luhn passes one random number in ten. A check that a
random value of the same shape mostly passes says something only together with the column's name.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from gateway.recognition.checks import CHECKS, Check
from gateway.recognition.columns.shape import Shape
from gateway.terms.recognition import Evidence

_LEAST: Final = {"national_id": 0.7, "phone": 0.7, "bic": 0.9, "lei": 0.9, "ip": 0.9, "mac": 0.9}
_LEAST_ELSE: Final = 0.8
_FIRST_LOOK, _SECOND_LOOK, _SECOND_LEAST = 12, 40, 8
"""No hit among the first values, or fewer than these among forty: the fraction cannot be reached."""
_MIXED: Final = 0.2
"""Share of values with a strong check that makes a column of several things a direct identifier to ask about."""
_STRONG, _WEAK = 0.05, 0.3
"""Chance below which a hit says something by itself; above which it says nothing without a name."""
_SURE_NATS, _SOME_NATS = 10.0, 4.5
"""Evidence against chance, with some forty checks tried: e^-10 and e^-4.5."""
_MIN_DIGITS: Final = 5.0
_MIN_WHOLE: Final = 9
"""Digits of whole numbers: shorter ones are amounts and counters more often than identifiers with a check digit."""
_PHONE: Final = re.compile(r"(?:\+|00|\(?0)[\d ()./-]{6,24}|\d{2,5}[ ./-][\d ./-]{4,20}")
_SSN: Final = re.compile(r"\d{3}-\d{2}-\d{4}")
_DATES: Final = re.compile(r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-] ?\d{1,2}[./-] ?(?:\d{4}|\d{2}))(?:[ T].*)?")
_SUM: Final = re.compile(r"[+-]?(?:0|[1-9]\d{0,14})[.,](?:\d{2,4}|[1-9])")
"""A number with a fraction: no identifier is written so, and without its point it passes as a phone number."""
_IP_DIGITS: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")
_PHONE_SAMPLE: Final = 60
_PHONE_TRIED: Final = 4
_SPECIAL: Final = frozenset({"email", "phone", "ip", "mac", "bic"})
_OTHERS: Final = tuple(check for check in CHECKS.values() if check.kind not in _SPECIAL)
"""Whose values hold digits and that have no quicker sign."""


_VARIED: Final = {
    "iban": range(15, 35),
    "card": range(13, 20),
    "crypto": range(26, 75),
    "account.cz": range(6, 21),
    "cz.rc": range(9, 11),
    "se.personnummer": range(10, 13),
    "fr.nir": range(13, 16),
    "de.stnr": range(10, 14),
    "fi.hetu": range(10, 12),
    "ie.pps": range(8, 10),
    "lt.asmens": range(11, 12),
    "it.codicefiscale": range(11, 17),
    "plate.de": range(3, 10),
}
"""Letters and digits of checks whose values have not all the length of the shape."""


class Finding:
    """A kind that the values show."""

    __slots__ = ("confidence", "evidence", "kind")

    def __init__(self, kind: str, confidence: float, evidence: Evidence) -> None:
        self.kind = kind
        self.confidence = confidence
        self.evidence = evidence


def checked(shape: Shape, *, expected: str) -> Finding | None:
    """Say which identifier the values are by check digit or strict form.

    Args:
        expected: the kind that the name promises; lets weak checks count.
    """
    if not shape.sample or (shape.is_whole and min(map(len, shape.sample)) < _MIN_WHOLE and expected != "national_id"):
        return None
    best: tuple[float, float, Finding] | None = None
    for check in _candidates(shape, expected):
        finding = _tried(check, shape, expected)
        if finding is None:
            continue
        rank = (finding.evidence.matched / finding.evidence.tried + (check.kind == expected), -check.chance)
        if best is None or rank > best[:2]:
            best = (*rank, finding)
    return best[2] if best else None


def _candidates(shape: Shape, expected: str) -> list[Check]:
    """Checks that the values' shape allows; cheap signs first, since most columns hold nothing of the kind."""
    sample = shape.sample
    size = len(sample)
    first = sample[:_SECOND_LOOK]
    found = []
    if sum("@" in value for value in first) > _MIXED * len(first):
        found.append(CHECKS["email"])
    if shape.family != "number" and 8 <= shape.mean_length <= 11 and all(v.isupper() for v in first):  # noqa: PLR2004 BIC
        found.append(CHECKS["bic"])
    if not shape.with_digit or shape.mean_length > 60 or shape.mean_digits < _MIN_DIGITS - 1:  # noqa: PLR2004 longest IBAN in groups
        return found
    if sum(_IP_DIGITS.fullmatch(value) is not None for value in first) > _MIXED * len(first):
        found += [CHECKS["ip"], CHECKS["mac"]]
    if sum("-" in value or "." in value for value in first) > size / 2:
        found.append(CHECKS["mac"])
    if shape.mean_digits < _MIN_DIGITS or sum(_DATES.fullmatch(value) is not None for value in first) > len(first) / 2:
        return found
    if sum(_SUM.fullmatch(value) is not None for value in first) > len(first) / 2:
        return found
    look = first[:_FIRST_LOOK]
    lengths = {sum(map(str.isalnum, value)) for value in look}
    found += [
        check
        for check in _OTHERS
        if not _lengths(check).isdisjoint(lengths)
        and any(check.validate(value) for value in look)
        and not _is_mute(check, look, expected)
    ]
    return found + _phones(shape, expected)


@lru_cache(maxsize=256)
def _lengths(check: Check) -> frozenset[int]:
    """How many letters and digits such values have: a validator is asked about no others."""
    varied = _VARIED.get(check.name)
    if varied is not None:
        return frozenset(varied)
    return (
        frozenset([sum(map(str.isalnum, check.shape)) + check.shape.count("*")])
        if check.shape
        else frozenset(range(64))
    )


def _is_mute(check: Check, look: tuple[str, ...], expected: str) -> bool:
    """Say whether the check alone tells nothing: most random values of the shape pass."""
    if check.chance < _WEAK or check.kind == expected:
        return False
    return check.name != "us.ssn" or not all(_SSN.fullmatch(value) for value in look)


def _phones(shape: Shape, expected: str) -> list[Check]:
    """The international check, or the country whose national form most values have. Parsing is dear: few are tried."""
    look = shape.sample[:_PHONE_SAMPLE]
    if expected != "phone" and sum(_PHONE.fullmatch(v) is not None for v in look) < _LEAST["phone"] * len(look):
        return []
    if expected == "phone" and shape.is_few:
        return []
    if sum(_IP_DIGITS.fullmatch(value) is not None for value in look) > len(look) / 2:
        return []
    tried = look[:_PHONE_TRIED]
    phones = [check for check in CHECKS.values() if check.kind == "phone"]
    counted = [(sum(check.validate(value) for value in tried), check) for check in phones]
    most = max(count for count, _ in counted)
    return [next(check for count, check in counted if count == most)] if most else []


def _tried(check: Check, shape: Shape, expected: str) -> Finding | None:
    hits = tried = 0
    for value in shape.sample[: _PHONE_SAMPLE if check.kind == "phone" else None]:
        hits, tried = hits + check.validate(value), tried + 1
        if (tried == _SECOND_LOOK and hits < _SECOND_LEAST) or (tried == _FIRST_LOOK and not hits):
            return None
    fraction = hits / tried
    least = _LEAST.get(check.kind, _LEAST_ELSE)
    evidence = Evidence(rule=f"check:{check.name}", matched=hits, tried=tried)
    nats = _nats(fraction, check.chance, tried)
    if fraction >= least and (nats >= _SOME_NATS or check.kind == expected):
        return Finding(check.kind, _confidence(check, fraction, nats, expected), evidence)
    if fraction >= _MIXED and check.chance <= _STRONG and nats >= _SURE_NATS:
        return Finding(check.kind, 0.6, evidence)
    return None


def _confidence(check: Check, fraction: float, nats: float, expected: str) -> float:
    if check.kind == expected:
        return min(0.99, 0.6 + fraction * 0.4)
    if nats < _SURE_NATS:
        return 0.6
    return min(0.97, 0.5 + fraction / 2) if check.chance < _WEAK else 0.5 + fraction / 4


def _nats(fraction: float, chance: float, tried: int) -> float:
    """How unlikely the hits are by chance: Chernoff's bound on the binomial tail, in nats."""
    chance = min(max(chance, 1e-6), 1 - 1e-6)
    if fraction <= chance:
        return 0.0
    other = (1 - fraction) * math.log((1 - fraction) / (1 - chance)) if fraction < 1 else 0.0
    return tried * (fraction * math.log(fraction / chance) + other)
