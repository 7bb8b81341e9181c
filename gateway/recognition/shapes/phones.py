"""Telephone numbers in texts: international form anywhere, national forms by shape or cue.

European plans are told by a leading zero or by their groups, so no country needs to be known. What a word of invoice or
contract heads, and what a currency follows, is none.
"""

from __future__ import annotations

import re

from gateway.recognition.checks.phones import CALLING_CODES, has_calling_code, is_phone
from gateway.recognition.shapes.cues import NOTHING
from gateway.recognition.shapes.runs import Run

_MAX_INTERNATIONAL, _MAX_NATIONAL = 15, 13
_MIN_DIGITS, _MIN_NATIONAL, _MIN_BARE = 7, 8, 9
_OTHER = frozenset({NOTHING, "account", "card", "national_id", "document", "identifier", "plate"})

_GROUPED: dict[tuple[int, ...], str] = {
    # groups: the first digits that such a number may have
    (3, 3, 3): "23456789",  # cz, sk, pl, es, pt
    (3, 2, 2, 2): "6789",  # es, ch without 0
    (2, 3, 2, 2): "123456789",  # pl, fixed
    (3, 3, 4): "23456789",  # it, us
    (3, 3, 2, 2): "3",  # it
    (3, 4, 3): "3",
    (3, 7): "3",
    (3, 6): "67",
    (2, 2, 2, 2): "23456789",  # dk, no
}

_USE_AFTER = re.compile(
    r"[ ,-]{0,2}\(?(?:[Oo]ffice|OFFICE|[Ff]ax|FAX|[Mm]obile|MOBILE|[Cc]ell|CELL"
    r"|[Ll]andline|[Dd]irect line|[Ss]witchboard)(?!\w)"
    r"|[ ,]{0,2}\((?:[MmHhWwOoFfTt]|home|work|day|eve|evenings?|days|mob|tel|ofc)\)"
)
"""What a number is for, after it: `781 1704 office`, `555 0100 (m)`."""
_STARTS = frozenset(sizes[:2] for sizes in _GROUPED)


def phone_at(run: Run, first: int) -> int | None:
    """Give the last group of the telephone number that begins at a group; None: none does."""
    head = run.groups[first]
    if first == 0 and "+" in run.opening:
        last = _reach(run, first, _MAX_INTERNATIONAL)
        return last if has_calling_code(_digits(run, first, last)) else None
    if first == 0 and run.opening == "(" and head in CALLING_CODES and head != "1":
        last = _reach(run, first, _MAX_INTERNATIONAL)
        return last if len(_digits(run, first, last)) > _MIN_BARE and run.cue not in _OTHER else None
    if head.startswith("00"):
        return _after_two_zeros(run, first)
    if head[0] == "0":
        return _national(run, first)
    return _grouped(run, first)


def bare_phone(run: Run, at: int) -> bool:
    """Say whether one group alone is a number as dialled without a zero: mobile, or valid in the hinted country."""
    digits, cue = run.groups[at], run.cue
    if cue == "phone":
        return _MIN_DIGITS <= len(digits) <= _MAX_INTERNATIONAL
    if cue or run.is_amount(at, at):
        return False
    if len(digits) == _MIN_BARE and digits[0] in "679":
        return not run.hint or is_phone(digits, run.hint)
    if len(digits) == _MIN_BARE + 1 and digits[0] == "3" and digits[1] in "2345689":
        return run.hint in {"", "it"}
    return bool(run.hint) and _MIN_BARE <= len(digits) <= _MIN_BARE + 1 and is_phone(digits, run.hint)


def cued_phone(run: Run, first: int) -> int | None:
    """Give the last group of a number that a cue (`Tel.`, `mobil`) heads."""
    if run.is_amount(first, len(run.groups) - 1):
        return None
    if run.cue != "phone" and not (first == 0 and _USE_AFTER.match(run.text, run.places[-1][1])):
        return None
    last = _reach(run, first, _MAX_NATIONAL)
    return last if len(_digits(run, first, last)) >= _MIN_DIGITS else None


def _after_two_zeros(run: Run, first: int) -> int | None:
    last = _reach(run, first, _MAX_INTERNATIONAL + 2)
    digits = _digits(run, first, last)[2:]
    if run.cue in _OTHER or not has_calling_code(digits) or len(digits) < _MIN_BARE:
        return None
    return last


def _national(run: Run, first: int) -> int | None:
    """A trunk zero. A padded number (`000123`), a decimal (`0.5`) and what another cue heads are none."""
    head = run.groups[first]
    last = _reach(run, first, _MAX_NATIONAL)
    digits = _digits(run, first, last)
    if len(head) == 1 and last > first and run.separators(first, first + 1) == (".",):
        return None
    if len(digits) < _MIN_NATIONAL or digits[1] == "0" or run.is_amount(first, last):
        return None
    if last == first and len(digits) < _MIN_BARE and run.cue != "phone":
        return None
    return None if run.cue in _OTHER else last


def _grouped(run: Run, first: int) -> int | None:
    if run.sizes[first : first + 2] not in _STARTS:
        return None
    for size in (4, 3, 2):
        last = first + size - 1
        starts = _GROUPED.get(run.sizes[first : last + 1])
        if starts is None or last >= len(run.groups):
            continue
        if run.groups[first][0] not in starts or run.groups[last].strip("0") == "" or run.is_amount(first, last):
            continue
        separators = set(run.separators(first, last))
        if (len(separators) == 1 or ")" in separators or separators <= {" ", "-"}) and run.cue not in _OTHER:
            return last
    return None


def _reach(run: Run, first: int, most: int) -> int:
    """Give the last group that keeps the number within so many digits; a wider gap than two signs ends it."""
    total = 0
    for at in range(first, len(run.groups)):
        total += run.sizes[at]
        if total > most:
            return max(first, at - 1)
    return len(run.groups) - 1


def _digits(run: Run, first: int, last: int) -> str:
    return "".join(run.groups[first : last + 1])
