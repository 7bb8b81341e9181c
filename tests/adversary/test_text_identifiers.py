"""T13, show 3: identifiers in texts, disguised. docs/recognition.md holds the table that this file makes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from gateway.recognition import structured

PAGE = Path(__file__).parents[2] / "docs" / "recognition.md"
_TABLE = re.compile(r"(?<=<!-- attacks -->\n).*?(?=<!-- /attacks -->)", re.DOTALL)

VALUES = {
    "iban": ("DE89370400440532013000", "CZ6508000000192000145399", "GB33BUKB20201555555555", "NL91ABNA0417164300"),
    "card": ("4111111111111111", "2221000000000009", "378282246310005", "5555555555554444"),
    "email": ("anna.nowak@example.com", "j_smith@mail.example.org", "info@bank.example", "petr.svoboda@post.cz"),
    "phone": ("+4915112345678", "+420603123456", "+33612345678", "+442079460958"),
    "national_id": ("86095742719", "44051401359", "RSSMRA85T10A562S", "YB107603B"),
}
"""By kind; spelled without groups."""
SENTENCES = ("Bitte {} prüfen, danke.", "Please check {} for the client today.", "Klient uvedl {} včera.")

_CYRILLIC = str.maketrans("ABCEHKMOPTXYaceopxy", "АВСЕНКМОРТХУасеорху")
_GREEK = str.maketrans("ABEHIKMNOPTXYZo", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖο")


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _bold(text: str) -> str:
    moved = {
        **{chr(ord("A") + n): chr(0x1D400 + n) for n in range(26)},
        **{chr(ord("a") + n): chr(0x1D41A + n) for n in range(26)},
        **{chr(ord("0") + n): chr(0x1D7CE + n) for n in range(10)},
    }
    return "".join(moved.get(char, char) for char in text)


def _digits(first: int) -> Callable[[str], str]:
    table = {str(n): chr(first + n) for n in range(10)}
    return lambda text: "".join(table.get(char, char) for char in text)


def _between(sign: str) -> Callable[[str], str]:
    return sign.join


def _groups(sign: str, size: int = 4) -> Callable[[str], str]:
    """Groups as people write them; the local part of an address stays one."""

    def grouped(text: str) -> str:
        if "@" in text:
            return text
        head = text[:3] if text.startswith("+") else ""
        rest = text.removeprefix(head)
        return sign.join(filter(None, [head, *(rest[at : at + size] for at in range(0, len(rest), size))]))

    return grouped


def _spread_signs(text: str) -> str:
    return re.sub(r"([.@])", r" \1 ", text) if "@" in text else " ".join(text)


def _mixed(text: str) -> str:
    return "".join(char.lower() if at % 2 else char.upper() for at, char in enumerate(text))


_WORDS = dict(enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")))

ATTACKS: dict[str, tuple[tuple[str, Callable[[str], str]], ...]] = {
    "none": (("as it is", str),),
    "homoglyph": (
        ("Cyrillic letters", lambda text: text.translate(_CYRILLIC)),
        ("Greek letters", lambda text: text.translate(_GREEK)),
        ("full width", _wide),
        ("mathematical bold", _bold),
        ("Arabic-Indic digits", _digits(0x660)),
        ("superscript digits", lambda text: text.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))),
        ("circled digits", lambda text: text.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨"))),
        ("letter O for zero, l for one", lambda text: text.translate(str.maketrans("01", "Ol"))),
    ),
    "zero-width": (
        ("zero-width space between all", _between("\u200b")),
        ("soft hyphen between all", _between("\u00ad")),
        ("word joiner between all", _between("\u2060")),
        ("control character between all", _between("\x07")),
        ("combining mark on all", lambda text: "".join(char + "\u0336" for char in text)),
        ("right-to-left marks about it", lambda text: f"\u202e{text}\u202c"),
        ("tag characters after it", lambda text: text + "\U000e0041\U000e007f"),
    ),
    "spacing": (
        ("groups of four, no-break space", _groups("\u00a0")),
        ("groups of four, thin space", _groups("\u2009")),
        ("groups of four, hyphens", _groups("-")),
        ("groups of four, dots", _groups(".")),
        ("groups of four, middle dots", _groups("·")),
        ("groups of four, two spaces", _groups("  ")),
        ("groups of three, spaces", _groups(" ", 3)),
        ("groups of two, spaces", _groups(" ", 2)),
        ("a space between all, or about . and @", _spread_signs),
        ("a line end in the middle", lambda text: text[: len(text) // 2] + "\n" + text[len(text) // 2 :]),
        ("four spaces between all", _between("    ")),
    ),
    "case": (
        ("upper", str.upper),
        ("lower", str.lower),
        ("mixed", _mixed),
    ),
    "wording": (
        ("a word glued before", lambda text: f"nr{text}"),
        ("a word glued behind", lambda text: f"{text}und"),
        ("`(at)` and `(dot)`", lambda text: text.replace("@", " (at) ").replace(".", " (dot) ")),
        ("reversed", lambda text: text[::-1]),
        ("digits as words", lambda text: " ".join(_WORDS[int(char)] if char.isdigit() else char for char in text)),
        ("hexadecimal", lambda text: text.encode().hex()),
    ),
}
CLOSED = ("none", "homoglyph", "zero-width", "case")
"""Families of which nothing may be missed but what KNOWN_MISSES names."""
KNOWN_MISSES = {("letter O for zero, l for one", kind) for kind in ("card", "phone", "national_id")}


@cache
def outcomes() -> dict[tuple[str, str], str]:
    """By attack and kind: how many of the texts lost the whole value, of how many."""
    cells = {}
    for attacks in ATTACKS.values():
        for name, disguise in attacks:
            for kind, values in VALUES.items():
                found = [covered(sentence, disguise(value), value) for value in values for sentence in SENTENCES]
                cells[name, kind] = f"{sum(found)}/{len(found)}"
    return cells


def covered(sentence: str, disguised: str, value: str) -> bool:
    """Say whether every visible letter and digit of the disguised value lies in a span; words glued to it may stay."""
    text = sentence.format(disguised)
    seen = value if value in text else disguised
    start = text.index(seen)
    inside = {at for span in structured.find(text) for at in range(span.start, span.end)}
    return all(at in inside for at in range(start, start + len(seen)) if text[at].isalnum())


def attack_table() -> str:
    """The table of docs/recognition.md."""
    lines = [f"| family | attack | {' | '.join(VALUES)} |", "|---|---|" + "---|" * len(VALUES)]
    for family, attacks in ATTACKS.items():
        for name, _ in attacks:
            lines.append(f"| {family} | {name} | {' | '.join(outcomes()[name, kind] for kind in VALUES)} |")
    return "\n".join(lines) + "\n"


def recognition_page() -> str:
    """docs/recognition.md with the table as it is now."""
    return _TABLE.sub(lambda _: attack_table(), PAGE.read_text())


def test_the_documented_table_is_what_is_found() -> None:
    page = PAGE.read_text()
    assert _TABLE.search(page)
    assert page == recognition_page(), "run `make docs`"


@pytest.mark.parametrize("family", CLOSED)
def test_nothing_is_missed(family: str) -> None:
    whole = {
        (name, kind): outcomes()[name, kind]
        for name, _ in ATTACKS[family]
        for kind in VALUES
        if (name, kind) not in KNOWN_MISSES
    }
    missed = {cell: found for cell, found in whole.items() if len(set(found.split("/"))) > 1}
    assert not missed


@pytest.mark.parametrize("kind", ["iban", "card", "phone"])
def test_usual_groupings_are_found(kind: str) -> None:
    usual = [name for name, _ in ATTACKS["spacing"][:5]]
    assert {name: outcomes()[name, kind] for name in usual} == {name: outcomes()["as it is", kind] for name in usual}


def test_disguises_do_disguise() -> None:
    unchanged = {
        name
        for attacks in (ATTACKS["homoglyph"], ATTACKS["zero-width"])
        for name, disguise in attacks
        if all(disguise(value) == value for values in VALUES.values() for value in values)
    }
    assert not unchanged
    assert unicodedata.normalize("NFC", "анна") != "anna"  # the usual normal forms alone undo none of it
