"""Laws of recognition: places are true, nothing hides by being repeated, and a search is linear."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.recognition.checks
import gateway.recognition.shapes
from gateway.masks.residual import ResidualScan
from gateway.masks.text.labels import rewrite
from gateway.recognition import addresses, dates, structured
from gateway.recognition.checks import CHECKS
from gateway.recognition.checks.iban import IBAN_LENGTHS, remainder
from gateway.recognition.folding import fold, words_folded
from gateway.recognition.redactor import TextRecognizer
from gateway.recognition.shapes import codes, numbers
from gateway.recognition.shapes.ibans import _body, _grouped
from gateway.recognition.shapes.outline import Outline
from gateway.terms.recognition import Note, Span

_VALUES = (
    "DE89370400440532013000",
    "4111 1111 1111 1112",
    "+49 171 1234567",
    "a@b.example",
    "12.03.1980",
    "850503/1234",
)
_SCRAPS = (
    "ul. Nova 5,",
    "IBAN ",
    " ",
    "\n",
    "1",
    "12 ",
    "\u200b",
    "\u0301",
    "е",
    "ﬁ",
    "²",
    "@",
    "://",
    "Tel ",
    "geb. ",
    "\x00",
)
_LETTERED = (
    "12345678Z",
    "X-1234567-L",
    "131052-308T",
    "131052+308T",
    "AB 12 34 56 C",
    "1234567 WA",
    "RSSMRA85T10A562S",
    "RSS MRA 85T10 A56NS",
    "1 85 05 2A 006 084 91",
    "GB33BUKB20201555555555",
    "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
    "192.168.0.1",
    "fe80::1",
    "00:1A:2b:3c:4d:5e",
    "1a2b.3c4d.5e6f",
    "0x00112233445566778899aabbccddeeff00112233",
    "Login: ab_1",
    "BIC DEUTDEFF",
    "Kennzeichen B-MW 12",
    "AB-123-CD",
    "passport C01X00T47",
    "14 March 1985",
    "1 . 2 . 85",
    "a (at) b.example",
    "www.x.example/~a",
)
PIECES = st.sampled_from([*_VALUES, *_SCRAPS, "-", "A", "0x", "😀"])
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join))
RECOGNIZER = TextRecognizer()
SEARCHES: list[Callable[[str], list[Span]]] = [structured.find, addresses.find, dates.find]


@pytest.mark.parametrize("search", SEARCHES, ids=["structured", "addresses", "dates"])
@given(text=TEXTS)
def test_spans_lie_in_the_text_in_order_and_apart(search: Callable[[str], list[Span]], text: str) -> None:
    last = 0
    for span in search(text):
        assert last <= span.start < span.end <= len(text)
        last = span.end


@given(text=TEXTS)
def test_what_is_found_is_gone_once_it_is_replaced(text: str) -> None:
    for _ in range(3):
        for span in reversed(structured.find(text)):
            text = f"{text[: span.start]}[x]{text[span.end :]}"
    assert structured.find(text) == []


@given(text=st.lists(st.sampled_from([*_VALUES, *_SCRAPS, *_LETTERED]), max_size=8).map("".join))
def test_an_outline_denies_nothing_that_a_search_finds(text: str) -> None:
    text = fold(f"{text} 0").text
    outline = Outline(text)
    for is_due, search in structured._SEARCHES:
        assert is_due(outline) or list(search(text)) == []
    assert outline.may_have_number() or list(numbers.find(text)) == []
    assert outline.may_have_code() or list(codes.codes(text)) == []


@given(text=TEXTS)
def test_folding_leads_back_and_is_idempotent(text: str) -> None:
    folded = fold(text)
    assert len(folded.at) == len(folded.text) + 1
    assert list(folded.at) == sorted(folded.at)
    assert fold(folded.text).text == folded.text
    for at in range(len(folded.text)):
        start, end = folded.back(at, at + 1)
        assert 0 <= start < end <= len(text)


@given(word=st.text(max_size=20))
def test_words_fold_to_one_form(word: str) -> None:
    assert words_folded(words_folded(word)) == words_folded(word)


@given(text=st.text(max_size=400))
def test_no_check_raises(text: str) -> None:
    for check in CHECKS.values():
        check.validate(text)


@given(
    country=st.sampled_from(["DE", "CZ", "FR", "GB", "NL", "AT", "PL", "ES", "IT"]),
    number=st.integers(min_value=10**9, max_value=10**30),
    groups=st.sampled_from(["", " ", "-", ".", "\u00a0", "\u2009", "\u200b"]),
    around=st.sampled_from([("", ""), ("Platba ", " byla"), ("(", ")"), ("IBAN:", ","), ("\n", "\n")]),
    is_lower=st.booleans(),
)
def test_every_iban_is_found_whole(
    country: str, number: int, groups: str, around: tuple[str, str], *, is_lower: bool
) -> None:
    bban = str(number).zfill(40)[-(IBAN_LENGTHS[country] - 4) :]
    iban = f"{country}{98 - remainder(bban + country + '00'):02d}{bban}"
    written = groups.join(iban[at : at + 4] for at in range(0, len(iban), 4))
    written = written.lower() if is_lower else written
    text = f"{around[0]}{written}{around[1]}"
    assert [(span.start, span.end, span.kind, span.is_checked) for span in structured.find(text)] == [
        (len(around[0]), len(around[0]) + len(written), "iban", True)
    ]


HOSTILE = (
    *(
        "DE89 ",
        "DE89",
        "D E 8 9 ",
        "de89370400440532013001",
        "1 ",
        "1 1-",
        "4111 1111 1111 1112 ",
        "4",
        "1980 ",
        "12.03.80 ",
    ),
    *(
        "a@",
        "@",
        "a.",
        "a . ",
        "@a.",
        "(at)",
        "1.",
        "::",
        "ab:",
        "00:",
        "0171 ",
        "+49 ",
        "((((",
        "+",
        "12345/",
        "/0800 ",
    ),
    *(
        "Hauptstr. 12, ",
        "rue de 12 ",
        "12 rue de la ",
        "Am Am 1 ",
        "12 The ",
        "12 A, ",
        "Flat 1, A, ",
        "Apt 1 ",
        "1 A\nSuite 1 ",
        "PSC 1 Box 1 ",
        "12 ,A ",
        "1\n",
        "A",
    ),
    *(
        "January 1 ",
        "1 de 1980",
        "born 1980 ",
        "http://a",
        "?id=",
        "user: ",
        "AB 12 34 56 ",
        "X1234567",
        "- 123-",
        "bc1q",
    ),
    *("\u200b", "\u0301", "²", "\ufdfa", "é", "O1", "St. ", "12345 A de ", "a 1-", "Tel 1"),
)


def _repeated(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


def _calls(work: Callable[[], object]) -> int:
    """Count the calls of Python and C functions: what is done between regular expressions, without a clock."""
    count = 0

    def step(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("piece", HOSTILE, ids=ascii)
def test_twice_the_text_is_at_most_about_twice_the_work(piece: str) -> None:
    for search in SEARCHES:
        search(_repeated(piece, 4096))  # caches
        small = _calls(lambda search=search: search(_repeated(piece, 2048)))
        large = _calls(lambda search=search: search(_repeated(piece, 4096)))
        assert large <= 2.2 * small + 200


@pytest.mark.parametrize("piece", ["J.", "A. ", "A.-", "A. l'", "Herr ", "Dr. ", "van der ", "Weber, ", "Hi\n"])
def test_twice_the_names_are_at_most_about_twice_the_work(piece: str) -> None:
    known = {"name": "Anna van Weber"}

    def search(size: int) -> None:
        RECOGNIZER.find([Note(text=_repeated(piece, size), known=known)], names=None, is_strict=True)

    search(2048)  # caches
    assert _calls(lambda: search(2048)) <= 2.2 * _calls(lambda: search(1024)) + 200


_PLANTED = ("=@q.pq", "a@b", ".de", "'@x.yz", "NO9386011117947", "no93 8601 1117 947", "[EMAIL 1]")
ODD = st.sampled_from([*_PLANTED, "1", "x", " ", "-", "\n", "(", "é", "@", "_", "\u200b"])


@given(pieces=st.lists(ODD, min_size=1, max_size=8))
def test_what_would_end_an_answer_is_removed(pieces: list[str]) -> None:
    """Who writes a text does not end all answers that show it by what the residual scan finds, and a mask left."""
    text = "".join(pieces)
    (found,) = RECOGNIZER.find([Note(text=text)], names=None, is_strict=False)
    ResidualScan(column="c", mask="text", rate=1).look(pa.array([rewrite(text, found, {})]), known={})


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for package in (gateway.recognition.shapes, gateway.recognition.checks):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            yield from _of(importlib.import_module(module.name))
    for module in (structured, addresses, dates, sys.modules["gateway.recognition.folding"]):
        yield from _of(module)
    for length in set(IBAN_LENGTHS.values()):
        yield f"body {length}", _body(length)
        yield f"grouped {length}", _grouped(length)


def _of(module: object) -> Iterator[tuple[str, re.Pattern[str]]]:
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            yield f"{vars(module)['__name__']}.{name}", value


def _unbounded(pattern: str) -> int:
    """Count quantifiers without a bound."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern)
    return len(re.findall(r"[*+]|\{\d*,\}", bare.replace("(?P", "(?")))


@pytest.mark.parametrize(("name", "pattern"), [*_patterns()], ids=lambda value: value if isinstance(value, str) else "")
def test_every_quantifier_has_a_bound(name: str, pattern: re.Pattern[str]) -> None:
    """A bounded pattern looks at a bounded window wherever it starts; a lone `[…]+` takes each character once."""
    lone = re.fullmatch(r"(?:\\.|\[(?:\\.|[^\]])*\])\+", pattern.pattern) is not None
    assert _unbounded(pattern.pattern) == (1 if lone else 0)


def test_the_bound_is_looked_for_rightly() -> None:
    assert [_unbounded(text) for text in (r"a+", r"(?:a*)*", r"[+*]\+x{1,3}", r"a{2,}", r"[^]+]a")] == [1, 2, 0, 1, 0]
