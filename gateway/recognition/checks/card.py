"""Payment card numbers. Source: ISO/IEC 7812-1 annex B (Luhn); the issuers' published ranges."""

from __future__ import annotations

_ODD = str.maketrans("0123456789", "0246813579")
_SEPARATORS = str.maketrans("", "", " -./\n")
_MIN_DIGITS, _MAX_DIGITS = 13, 19

_RANGES: tuple[tuple[int, int, frozenset[int]], ...] = (
    (400000, 499999, frozenset({13, 16, 19})),  # Visa
    (510000, 559999, frozenset({16})),  # Mastercard
    (222100, 272099, frozenset({16})),  # Mastercard, 2-series
    (340000, 349999, frozenset({15})),  # American Express
    (370000, 379999, frozenset({15})),
    (300000, 305999, frozenset({14, 16, 17, 18, 19})),  # Diners
    (309500, 309599, frozenset({14, 16, 17, 18, 19})),
    (360000, 369999, frozenset({14, 16, 17, 18, 19})),
    (380000, 399999, frozenset({16, 17, 18, 19})),
    (352800, 358999, frozenset({16, 17, 18, 19})),  # JCB
    (220000, 220499, frozenset({16, 17, 18, 19})),  # Mir
    (601100, 601199, frozenset({16, 17, 18, 19})),  # Discover
    (644000, 659999, frozenset({16, 17, 18, 19})),
    (620000, 629999, frozenset({16, 17, 18, 19})),  # UnionPay
    (810000, 819999, frozenset({16, 17, 18, 19})),
    (500000, 509999, frozenset(range(13, 20))),  # Maestro, national schemes
    (560000, 589999, frozenset(range(13, 20))),
    (600000, 600999, frozenset({16})),
    (630000, 639999, frozenset(range(16, 20))),
    (670000, 679999, frozenset(range(13, 20))),
)


def has_luhn_digit(digits: str) -> bool:
    """Check the last of ASCII digits by Luhn."""
    total = sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_ODD)))
    return total % 10 == 0


def is_issued(digits: str) -> bool:
    """Say whether an issuer has numbers of this beginning and length."""
    first = int(digits[:6])
    return any(low <= first <= high and len(digits) in lengths for low, high, lengths in _RANGES)


def is_card(text: str) -> bool:
    """Check issuer, length and check digit of 13 to 19 digits, grouped by spaces, hyphens or dots."""
    digits = text.translate(_SEPARATORS)
    if not (_MIN_DIGITS <= len(digits) <= _MAX_DIGITS and digits.isdigit()):
        return False
    return has_luhn_digit(digits) and is_issued(digits)
