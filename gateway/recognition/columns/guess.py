"""What a rule says of a column: class, kind, how sure, by which evidence."""

from __future__ import annotations

import dataclasses

from gateway.recognition.columns.naming import Meaning
from gateway.terms.dataset import Classification
from gateway.terms.recognition import Evidence

OF_KIND: dict[str, Classification] = {
    "bic": "public",
    "lei": "public",
    "country_code": "quasi_identifier",
    "flag": "public",
    "status": "public",
    "channel": "public",
    "birth_year": "quasi_identifier",
    "birth_date": "quasi_identifier",
    "first_name": "direct_identifier",
    "last_name": "direct_identifier",
}
"""Classes of kinds that values show and no lexicon names."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A verdict on its way."""

    classification: Classification
    kind: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()


def public(kind: str, confidence: float, rule: str) -> Guess:
    """Say that the column tells nothing of a person."""
    return Guess(classification="public", kind=kind, confidence=confidence, evidence=(Evidence(rule=rule),))


def direct(kind: str, confidence: float, rule: str, *, matched: int = 0, tried: int = 0) -> Guess:
    """Say that its values name a person, an account or a device."""
    evidence = Evidence(rule=rule, matched=matched, tried=tried)
    return Guess(classification="direct_identifier", kind=kind, confidence=confidence, evidence=(evidence,))


def quasi(kind: str, confidence: float, rule: str, *, matched: int = 0, tried: int = 0) -> Guess:
    """Say that together with others it may name somebody."""
    evidence = Evidence(rule=rule, matched=matched, tried=tried)
    return Guess(classification="quasi_identifier", kind=kind, confidence=confidence, evidence=(evidence,))


def sensitive(kind: str, confidence: float, rule: str) -> Guess:
    """Say that it tells what somebody would not have told."""
    return Guess(classification="sensitive", kind=kind, confidence=confidence, evidence=(Evidence(rule=rule),))


def named(meaning: Meaning, *, confidence: float | None = None, kind: str | None = None) -> Guess:
    """Say what the name says; `kind` when the values tell it finer."""
    return Guess(
        classification=meaning.classification,
        kind=kind or meaning.kind,
        confidence=meaning.confidence if confidence is None else confidence,
        evidence=(Evidence(rule=f"name:{meaning.kind}"),),
    )
