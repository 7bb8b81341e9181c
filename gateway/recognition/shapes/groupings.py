"""How kinds of number are grouped in writing: `86 095 742 719`, `756.1234.5678.97`, `20-00-00 55779911`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from gateway.recognition.checks import CHECKS
from gateway.recognition.checks.accounts import is_czech_account, is_czech_bank
from gateway.recognition.checks.card import is_issued
from gateway.recognition.shapes.draft import Piece
from gateway.recognition.shapes.runs import Run

NumberKind = Literal["card", "national_id", "account"]
_MIN_CZECH = 6
"""Digits of a Czech account number that a bank's code makes one, without prefix or cue."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One way to write a kind of number."""

    kind: NumberKind
    separators: frozenset[str]
    is_valid: Callable[[str], bool]
    """Over the digits alone."""
    is_typical: Callable[[str], bool]
    """Whether the grouping is enough where the check digit is wrong."""


def _never(_: str) -> bool:
    return False


def _always(_: str) -> bool:
    return True


def _any_of(*names: str) -> Callable[[str], bool]:
    checks = [CHECKS[name].validate for name in names]
    return lambda digits: any(check(digits) for check in checks)


def has_czech_date(digits: str) -> bool:
    """Say whether six digits may be the date of a Czech birth number: months of women + 50, later series + 20."""
    return 1 <= int(digits[2:4]) % 50 % 20 <= 12 and 1 <= int(digits[4:6]) <= 31  # noqa: PLR2004 months and days


def _is_austrian(digits: str) -> bool:
    return 1 <= int(digits[4:6]) <= 31 and 1 <= int(digits[6:8]) <= 13 and CHECKS["at.vnr"].validate(digits)  # noqa: PLR2004 days, months


def _is_french(digits: str) -> bool:
    return digits[0] in "12" and (1 <= int(digits[3:5]) <= 12 or int(digits[3:5]) >= 20)  # noqa: PLR2004 months


def _is_belgian(digits: str) -> bool:
    return int(digits[2:4]) <= 12 and int(digits[4:6]) <= 31  # noqa: PLR2004 months and days


def _is_ssn(digits: str) -> bool:
    return digits[:3] not in {"000", "666"} and digits[3:5] != "00" and digits[5:] != "0000"


def _grouping(
    kind: NumberKind,
    separators: str,
    is_valid: Callable[[str], bool],
    is_typical: Callable[[str], bool] = _never,
) -> Grouping:
    return Grouping(kind=kind, separators=frozenset(separators), is_valid=is_valid, is_typical=is_typical)


_CARD = CHECKS["card"].validate
_ISSUED = _grouping("card", " -./", _CARD, is_issued)
_PLASTIC = _grouping("card", " -.", _CARD)
_STNR = _grouping("national_id", "/", _always)
GROUPINGS: dict[tuple[int, ...], tuple[Grouping, ...]] = {
    (4, 4, 4, 4): (_grouping("card", " -./", _CARD, lambda digits: digits[0] in "23456"),),
    (4, 4, 4, 4, 3): (_ISSUED,),
    (4, 4, 4, 4, 2): (_PLASTIC,),
    (4, 4, 4, 1): (_PLASTIC,),
    (4, 6, 5): (_ISSUED,),
    (4, 6, 4): (_ISSUED,),
    (2, 3, 3, 3): (_grouping("national_id", " ./", _any_of("de.idnr"), _always),),
    (6, 4): (
        _grouping("national_id", "/", _any_of("cz.rc"), has_czech_date),
        _grouping("national_id", "-+", _any_of("se.personnummer", "dk.cpr", "is.kennitala", "cz.rc")),
    ),
    (6, 3): (_grouping("national_id", "/", _any_of("cz.rc"), has_czech_date),),
    (8, 4): (_grouping("national_id", "-", _any_of("se.personnummer")),),
    (2, 2, 2, 3, 2): (_grouping("national_id", ".- ", _any_of("be.nn"), _is_belgian),),
    (4, 6): (_grouping("national_id", " -", _is_austrian),),
    (1, 2, 2, 2, 3, 3, 2): (_grouping("national_id", " .", _any_of("fr.nir"), _is_french),),
    (1, 2, 2, 2, 3, 3): (_grouping("national_id", " .", _is_french),),
    (13, 2): (_grouping("national_id", " ", _any_of("fr.nir")),),
    (2, 2, 3, 3, 3): (_grouping("national_id", " ", _any_of("fr.nif")),),
    (3, 4, 4, 2): (_grouping("national_id", ". -", _any_of("ch.ssn"), lambda digits: digits.startswith("756")),),
    (3, 2, 4): (_grouping("national_id", "-", _any_of("us.ssn", "us.itin"), _is_ssn),),
    (3, 3, 4): (_grouping("national_id", " ", _any_of("gb.nhs")),),
    (6, 5): (_grouping("national_id", " -", _any_of("no.fnr", "lv.pk", "pl.pesel")),),
    (4, 2, 3): (_grouping("national_id", ".", _any_of("nl.bsn"), _always),),
    (2, 3, 5): (_STNR,),
    (3, 3, 5): (_STNR,),
    (3, 4, 4): (_STNR,),
    (2, 4, 4, 4, 4, 4, 4): (_grouping("account", " -", _any_of("account.pl"), _always),),
    (5, 5, 11, 2): (_grouping("account", " -", _any_of("account.fr"), _always),),
    (4, 4, 2, 10): (_grouping("account", " -", _any_of("account.es"), _always),),
    (4, 4, 4, 4, 4): (_grouping("account", " -", _any_of("account.es")),),
    (2, 2, 2, 8): (_grouping("account", "- ", _always),),
    (8, 8): (_grouping("account", "-", _always),),
    (8, 8, 8): (_grouping("account", "- ", _always),),
}
MOST_GROUPS = max(map(len, GROUPINGS))
_STARTS = frozenset(sizes[:2] for sizes in GROUPINGS)


def grouped(run: Run, first: int) -> tuple[Piece, int] | None:
    """Give the longest known grouping that begins at a group, and its last group; None: there is none."""
    if run.sizes[first : first + 2] not in _STARTS:
        return None
    for last in range(min(len(run.groups), first + MOST_GROUPS) - 1, first, -1):
        for grouping in GROUPINGS.get(run.sizes[first : last + 1], ()):
            if not grouping.separators.issuperset(run.separators(first, last)):
                continue
            digits = "".join(run.groups[first : last + 1])
            is_valid = grouping.is_valid(digits)
            if is_valid or (grouping.is_typical(digits) and not run.is_amount(first, last)):
                return Piece(run.places[first][0], run.places[last][1], grouping.kind, is_valid), last
    return None


def czech_account(run: Run, first: int) -> tuple[Piece, int] | None:
    """Give a Czech or Slovak account `prefix-number/bank`; a birth number `850503/1234` that checks is none."""
    for last in (first + 2, first + 1):
        if last >= len(run.groups) or run.sizes[last] != 4:  # noqa: PLR2004 a bank's code
            continue
        if run.separators(first, last) != ("-", "/")[first + 2 - last :]:
            continue
        piece = _czech_account(run, first, last)
        if piece:
            return piece, last
    return None


def _czech_account(run: Run, first: int, last: int) -> Piece | None:
    start, end = run.places[first][0], run.places[last][1]
    number, bank = run.groups[last - 1], run.groups[last]
    is_valid = is_czech_account(run.text[start:end])
    if not is_valid and CHECKS["cz.rc"].validate(number + bank):
        return None
    has_prefix = last - first > 1
    is_told = (has_prefix or len(number) >= _MIN_CZECH) and is_czech_bank(bank)
    if (is_valid and len(number) >= _MIN_CZECH) or is_told or run.cue == "account":
        return Piece(start, end, "account", is_valid)
    return None
