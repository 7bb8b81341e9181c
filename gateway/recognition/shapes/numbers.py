"""Numbers in texts: cards, national numbers, domestic accounts, telephone numbers, and what a cue word names.

A run of groups is read from the left. At each group the longest known grouping that passes its check is taken; a
typical grouping with a wrong check digit is taken too and flagged. One group alone needs a strong check digit or a cue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.recognition.checks import CHECKS, Check
from gateway.recognition.shapes.cues import NOTHING
from gateway.recognition.shapes.draft import Piece
from gateway.recognition.shapes.groupings import czech_account, grouped
from gateway.recognition.shapes.phones import bare_phone, cued_phone, phone_at
from gateway.recognition.shapes.runs import EXTENSION, Run, runs
from gateway.terms.recognition import Kind

Step = tuple[Piece, int]
"""What was found, and its last group."""

_FREE = frozenset({"de.idnr", "pl.pesel", "be.nn", "no.fnr", "cz.rc", "ch.ssn", "ro.cnp", "si.emso", "fr.nir"})
"""Strong enough to be told without a cue: a date or a second check digit in them."""
_STRONG = 0.02
"""The chance up to which even a cue of an invoice or a contract does not excuse a number."""
_HINTED = 0.1
"""The chance up to which the hinted country's own number needs no cue."""
_FEWEST_UNCUED = 9
_MANY = 4
"""Groups from which on the digits of all of them are tried first: `41 11 11 …` is a card and not telephone numbers."""
_NO_CHECK = 0.5
"""The chance from which a number has no check digit: it says nothing about a number that is mistyped."""
_ACCOUNTS = {20: CHECKS["account.es"], 23: CHECKS["account.fr"], 26: CHECKS["account.pl"]}
"""By digits."""
_CARD, _ROUTING = CHECKS["card"], CHECKS["routing.us"]
_CUED: dict[str, tuple[Kind, int, int]] = {
    # cue: kind, fewest and most digits
    "account": ("account", 5, 34),
    "routing": ("account", 9, 9),
    "national_id": ("national_id", 6, 15),
    "document": ("document", 5, 14),
    "identifier": ("identifier", 5, 14),
    "username": ("username", 5, 14),
    "card": ("card", 12, 19),
}


def _by_length() -> dict[int, list[Check]]:
    lengths: dict[int, list[Check]] = {}
    for check in CHECKS.values():
        if check.kind == "national_id" and check.shape.isdigit() and check.chance < _NO_CHECK:
            lengths.setdefault(len(check.shape), []).append(check)
    return lengths


_NATIONAL = _by_length()
_EXTENSION = re.compile(EXTENSION)


def find(text: str, *, hint: str = "") -> Iterator[Piece]:
    """Give what the runs of digits of a folded text are, with a country (two letters) to help where it is known."""
    for run in runs(text, hint=hint):
        yield from _read(run)


def _read(run: Run) -> Iterator[Piece]:
    first = 0
    while first < len(run.groups):
        step = _spread(run) if first == 0 and len(run.groups) >= _MANY else None
        step = step or _at(run, first) or (_spread(run) if first == 0 else None)
        if step is None:
            first += 1
            continue
        yield step[0]
        first = step[1] + 1


def _at(run: Run, first: int) -> Step | None:
    if first == 0 and "+" in run.opening:
        return _phone(run, first)
    several = czech_account(run, first) or grouped(run, first) if len(run.groups) - first > 1 else None
    told = several or _alone(run, first) or _named(run, first)
    if told or (run.is_glued and run.cue != "phone"):
        return told
    return _phone(run, first)


def _spread(run: Run) -> Step | None:
    """Digits spread by spaces or signs in no known way, as someone does who wants them not to be found."""
    digits = "".join(run.groups)
    last = len(run.groups) - 1
    if last == 0:
        return None
    kind = _kind_of(run, digits)
    if kind is None or len(set(run.separators(0, last))) > 1:
        return None
    return Piece(run.places[0][0], run.places[last][1], kind), last


def _alone(run: Run, at: int) -> Step | None:
    kind = _kind_of(run, run.groups[at])
    return (Piece(*run.places[at], kind), at) if kind else None


def _kind_of(run: Run, digits: str) -> Kind | None:
    """Give the kind of digits whose check digit is strong enough without a cue."""
    if len(digits) < _FEWEST_UNCUED:
        return None
    if _CARD.accepts(digits):
        return "card"
    if len(digits) in _ACCOUNTS and _ACCOUNTS[len(digits)].validate(digits):
        return "account"
    for check in _NATIONAL.get(len(digits), ()):
        is_hinted = run.hint in check.countries and check.chance <= _HINTED
        if not (is_hinted or check.name in _FREE) or not check.validate(digits):
            continue
        if check.chance <= _STRONG or run.cue != NOTHING:
            return "national_id"
    return None


def _named(run: Run, first: int) -> Step | None:
    """What a cue word names: `Konto 12345678`, `Reisepass 123456789`, `BSN 123456782`."""
    cue = _CUED.get(run.cue)
    if cue is None or run.is_glued:  # part of a code, which `codes` reads whole
        return None
    kind, fewest, most = cue
    last = _extent(run, first, most)
    digits = "".join(run.groups[first : last + 1])
    if len(digits) < fewest or run.is_amount(first, last):
        return None
    checks = {"card": [_CARD], "routing": [_ROUTING], "national_id": _NATIONAL.get(len(digits), [])}.get(run.cue)
    is_checked = checks is None or any(check.validate(digits) for check in checks)
    return Piece(run.places[first][0], run.places[last][1], kind, is_checked), last


def _extent(run: Run, first: int, most: int) -> int:
    """Give the last group of a cued number: no more digits than most, an amount at the end left out."""
    last, total = first, run.sizes[first]
    while last + 1 < len(run.groups) and total + run.sizes[last + 1] <= most:
        last += 1
        total += run.sizes[last]
    while last > first and run.is_amount(last, last):
        last -= 1
    return last


def _phone(run: Run, first: int) -> Step | None:
    last = phone_at(run, first)
    if last is None:
        last = cued_phone(run, first)
    if last is None and bare_phone(run, first):
        last = first
    if last is None:
        return None
    start = run.start if first == 0 else run.places[first][0]
    end = run.places[last][1]
    extension = _EXTENSION.match(run.text, end)
    return Piece(start, extension.end() if extension else end, "phone"), last
