"""Vehicle plates whose form is strong enough to tell. No check digits."""

from __future__ import annotations

import re

from gateway.recognition.checks.check import Check

_DUTCH = (
    r"(?:[A-Z]{2}-\d{2}-[A-Z]{2}|\d{2}-[A-Z]{2}-[A-Z]{2}|\d{2}-[A-Z]{3}-\d|\d-[A-Z]{3}-\d{2}|[A-Z]{2}-\d{3}-[A-Z]"
    r"|[A-Z]-\d{3}-[A-Z]{2}|[A-Z]{3}-\d{2}-[A-Z]|\d-[A-Z]{2}-\d{3})"
)
"""The series since 1965 that are still on the road."""
_PLATES: dict[str, tuple[str, float, str]] = {
    # country: pattern over capitals, chance, shape
    "de": (r"[A-ZÄÖÜ]{1,3}[- :][A-Z]{1,2}[ -]?[1-9]\d{0,3}[EH]?", 0.9, ""),
    "fr": (r"[A-HJ-NP-TV-Z]{2}[- ]\d{3}[- ][A-HJ-NP-TV-Z]{2}", 0.62, "AA-999-AA"),
    "it": (r"[A-HJ-NPR-TV-Z]{2} ?\d{3} ?[A-HJ-NPR-TV-Z]{2}", 0.5, "AA999AA"),
    "gb": (r"[A-HJ-PR-Y]{2}(?:[05]\d|[1267]\d) ?[A-HJ-PR-Z]{3}", 0.4, "AA99AAA"),
    "es": (r"\d{4}[ -]?[BCDFGHJKLMNPRSTVWXYZ]{3}", 0.5, "9999AAA"),
    "nl": (
        _DUTCH,
        1.0,
        "99-AAA-9",
    ),
    "be": (r"[1-9]-[A-Z]{3}-\d{3}", 0.9, "9-AAA-999"),
    "cz": (r"\d[A-HJ-NPR-Z][A-Z0-9] ?\d{4}", 0.9, "9A99999"),
    "pt": (r"(?:[A-Z]{2}-\d{2}-[A-Z]{2}|\d{2}-[A-Z]{2}-\d{2})", 1.0, "AA-99-AA"),
}


def _plate(country: str) -> Check:
    pattern, chance, shape = _PLATES[country]
    compiled = re.compile(pattern)
    return Check(
        name=f"plate.{country}",
        kind="plate",
        countries=frozenset({country}),
        shape=shape,
        chance=chance,
        accepts=lambda text: compiled.fullmatch(text.upper()) is not None,
    )


PLATES: tuple[Check, ...] = tuple(map(_plate, _PLATES))
