"""What identifiers look like to RE2, and how a candidate is confirmed.

Patterns are RE2's, over bytes: letters and digits of ASCII only. Those of a candidate begin and end at the border of a
word and have one group, which is the candidate.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Final

from gateway.recognition.checks import CHECKS, Check
from gateway.recognition.shapes import plain
from gateway.terms.recognition import Kind

_BEFORE: Final = r"(?:^|[^0-9A-Za-z])"
_AFTER: Final = r"(?:$|[^0-9A-Za-z])"
_STRONG: Final = 0.05
"""A national number's check that passes more random values than this confirms nothing."""
_WITHOUT_CHECK_DIGIT: Final = frozenset({"dk.cpr", "us.itin", "lv.pk"})
"""Of dates or ranges alone: an order's number that begins with its day passes as well."""
_MIN_SHAPE: Final = 9
"""Shorter shapes are too many things."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of identifier."""

    kind: Kind
    candidate: str
    """RE2; the group `it` is the candidate."""
    confirm: Callable[[str], bool | None]
    """Whether it is one; None: it has not even the shape, and is not counted as tried."""
    chance: float
    """Share of values of the shape that pass by accident."""
    is_rare: bool = False
    """Nothing else looks like it: one is enough."""


def _word(pattern: str) -> str:
    return f"{_BEFORE}(?P<it>{pattern}){_AFTER}"


def _email(text: str) -> bool | None:
    return plain.is_email(text) or None


def _card(text: str) -> bool | None:
    return CHECKS["card"].validate(text)


def _phone(text: str) -> bool | None:
    return CHECKS["phone"].validate(text)


def _form(shape: str) -> str:
    """What a shape of `gateway.recognition.checks` is as a pattern, without separators."""
    classes = {"9": "[0-9]", "A": "[A-Z]", "*": "[0-9A-Z]"}
    return "".join(classes.get(character, re.escape(character)) for character in shape)


def _national(check: Check) -> Shape:
    form = re.compile(_form(check.shape))

    def confirm(text: str) -> bool | None:
        return check.validate(text) if form.fullmatch(text) else None

    return Shape(kind=check.kind, candidate=_word(_form(check.shape)), confirm=confirm, chance=check.chance)


def _is_strong(check: Check) -> bool:
    is_told = check.kind == "national_id" and check.name not in _WITHOUT_CHECK_DIGIT
    return is_told and 0 < check.chance <= _STRONG and len(check.shape) >= _MIN_SHAPE


SHAPES: Final[Mapping[str, Shape]] = {
    "email": Shape(
        kind="email",
        candidate=plain.EMAIL,
        confirm=_email,
        chance=0.0,
        is_rare=True,
    ),
    "iban": Shape(
        kind="iban",
        candidate=plain.IBAN,
        confirm=plain.is_iban,
        chance=0.01,
        is_rare=True,
    ),
    "card": Shape(
        kind="card", candidate=_word(r"[2-6][0-9]{3}(?:[ .-]?[0-9]){9,15}"), confirm=_card, chance=CHECKS["card"].chance
    ),
    "phone": Shape(
        kind="phone",
        candidate=r"(?:^|[^0-9A-Za-z+])(?P<it>[+][1-9](?:[ ()./-]{0,2}[0-9]){7,14})" + _AFTER,
        confirm=_phone,
        chance=CHECKS["phone"].chance,
    ),
    **{name: _national(check) for name, check in CHECKS.items() if _is_strong(check)},
}
"""By the check's name. Phones in international form only: inside a country any number may be one."""

FIRST_LOOK: Final = (
    r"@|[A-Za-z]{2}[0-9]{2}[ .-]?[0-9A-Za-z]{2}|[0-9](?:[ ()./-]{0,2}[0-9]){6}|[A-Z][0-9]{7}|[A-Z]{6}[0-9]{2}"
)
"""What every candidate has some of; a text without it is looked at no further."""
