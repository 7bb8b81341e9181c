"""Laws of the masks, against one value at a time."""

from __future__ import annotations

import datetime
import decimal
import hmac
import random
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.masks import CANONS, MASKS, MaskInputs
from gateway.masks.buffers import text_parts, values
from gateway.masks.cmac import Cmac
from gateway.terms.key import Key
from gateway.terms.mask_spec import MaskUse

KEY = bytes(range(32))
USUAL = MaskUse(name="pseudonym").parameters
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
few = settings(max_examples=60, deadline=None)


def cmac(message: bytes, key: bytes = KEY) -> bytes:
    one = CMAC(algorithms.AES(key))
    one.update(message)
    return one.finalize()


def pseudonym(column: pa.Array, canon: str = "exact") -> list[str | None]:
    names: list[str | None] = MASKS["pseudonym"](
        column, MaskInputs(key=Key(KEY), canon=canon, parameters=USUAL)
    ).to_pylist()
    return names


def expected(message: bytes, *, space: str = "binary") -> str:
    tag = cmac(message, hmac.digest(KEY, f"gateway-pseudonym/1\nexact\n{space}".encode(), "sha256"))
    return "".join(ALPHABET[byte & 31] for byte in tag)


@pytest.mark.parametrize(
    ("rows", "shortest", "longest"),
    [
        (20_011, 0, 16),
        (9_001, 0, 64),
        (9_001, 17, 32),
        (8_193, 0, 0),
        *((8_193, width, width) for width in (1, 7, 8, 15, 16, 17, 23, 32, 33, 48)),
        (300, 1_024, 1_024),
        (300, 1_025, 1_025),
        (3_000, 0, 2_000),
        (1, 1, 1),
    ],
)
def test_vectorized_cmac_is_that_of_the_library(rows: int, shortest: int, longest: int) -> None:
    source = random.Random(rows)
    messages = [source.randbytes(source.randint(shortest, longest)) for _ in range(rows)]
    column = pa.array(messages, pa.binary())
    for piece in (column, column.cast(pa.large_binary()), column[3:], column[8:100], column[-1:], column[:0]):
        tags = Cmac(KEY).of_texts(*text_parts(piece))
        assert [tag.tobytes() for tag in tags] == [cmac(message) for message in piece.to_pylist()]


def test_vectorized_cmac_of_integers_is_that_of_the_library() -> None:
    column = pa.array([*range(-5_000, 5_000), 2**63 - 1, -(2**63)])
    tags = Cmac(KEY).of_words(values(column[1:], np.int64))
    assert [tag.tobytes() for tag in tags] == [
        cmac(number.to_bytes(8, "little", signed=True)) for number in column[1:].to_pylist()
    ]


def test_one_value_of_many_blocks_changes_no_other_tag() -> None:
    for longest in (17, 1_023, 1_024, 1_025):
        messages = [b"anna", b"", b"x" * longest, b"y" * 33, b"bert"]
        tags = Cmac(KEY).of_texts(*text_parts(pa.array(messages)))
        assert [tag.tobytes() for tag in tags] == [cmac(message) for message in messages]


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_every_row_of_a_batch_of_any_size_has_its_own_pseudonym(rows: int) -> None:
    column = pa.array(np.arange(rows), pa.int64())
    names = MASKS["pseudonym"](column, MaskInputs(key=Key(KEY), canon="exact", parameters=USUAL))
    names.validate(full=True)
    assert [buffer.size for buffer in names.buffers()[1:]] == [4 * (rows + 1), 16 * rows]
    picked = [row for row in (0, 65_535, 65_536, rows - 1) if 0 <= row < rows]
    assert [names[row].as_py() for row in picked] == [
        expected(row.to_bytes(8, "little"), space="integer") for row in picked
    ]


@pytest.mark.parametrize("slack", range(18))
def test_no_byte_behind_a_value_counts_and_none_behind_the_body_is_read(slack: int) -> None:
    offsets, body = pa.py_buffer(np.array([0, 3, 7, 7], np.int32)), pa.py_buffer(b"abcdefg" + b"#" * slack)
    column = pa.Array.from_buffers(pa.binary(), 3, [None, offsets, body])
    assert pseudonym(column) == [expected(b"abc"), expected(b"defg"), expected(b"")]


@few
@given(st.lists(st.none() | st.binary(max_size=40)), st.integers(0, 5))
def test_pseudonym_is_the_cmac_of_each_value_whatever_the_nulls_and_the_slice(
    messages: list[bytes | None], start: int
) -> None:
    column = pa.array(messages, pa.binary())[start:]
    assert pseudonym(column) == [None if m is None else expected(m) for m in messages[start:]]


@few
@given(st.lists(st.integers(-(2**70), 2**70), min_size=1))
def test_an_integer_is_one_identifier_as_number_text_and_decimal(numbers: list[int]) -> None:
    texts = pseudonym(pa.array([str(number) for number in numbers]), "integer_text")
    for scale in (0, 3):
        decimals = pa.array([decimal.Decimal(number) for number in numbers], pa.decimal128(38, scale))
        assert pseudonym(decimals, "integer_text") == texts
    words = [number for number in numbers if -(2**63) <= number < 2**63]
    assert pseudonym(pa.array(words, pa.int64()), "integer_text") == [
        name for name, number in zip(texts, numbers, strict=True) if number in words
    ]


@few
@given(st.lists(st.text("0123456789-+. ", max_size=22), min_size=1))
def test_a_text_never_collides_with_another_unless_it_is_the_same(texts: list[str]) -> None:
    names = pseudonym(pa.array(texts), "integer_text")
    assert len(set(names)) == len(set(texts))


@few
@given(st.lists(st.decimals(-(10**8), 10**8, places=3), min_size=1))
def test_a_fraction_is_no_integer_and_has_no_scale(numbers: list[decimal.Decimal]) -> None:
    narrow = pseudonym(pa.array(numbers, pa.decimal128(12, 3)), "integer_text")
    assert narrow == pseudonym(pa.array(numbers, pa.decimal256(60, 20)), "integer_text")
    assert len(set(narrow)) == len(set(numbers))


@few
@given(st.lists(st.integers(-8_000_000_000, 7_000_000_000), min_size=1))
def test_an_instant_has_one_pseudonym_in_every_unit_and_zone(moments: list[int]) -> None:
    in_utc = pa.array(moments).cast(pa.timestamp("s", tz="UTC"))
    names = pseudonym(in_utc)
    for unit in ("ms", "us", "ns"):
        assert pseudonym(in_utc.cast(pa.timestamp(unit, tz="Europe/Berlin"))) == names
    assert len(set(names)) == len(set(moments))


@few
@given(st.lists(st.text(max_size=30), min_size=1))
def test_case_space_and_normal_form_do_not_count(texts: list[str]) -> None:
    names = pseudonym(pa.array(texts), "trim_nfc_casefold")
    for changed in (str.casefold, lambda t: f" {t}\n", lambda t: unicodedata.normalize("NFD", t)):
        assert pseudonym(pa.array([changed(text) for text in texts]), "trim_nfc_casefold") == names


def test_every_ascii_character_is_folded_wherever_it_stands() -> None:
    for character in map(chr, range(1, 128)):
        for row in (f"{character}x", f"x{character}x", f"x{character}", "." * 2**18 + character + "."):
            (part,) = CANONS["trim_nfc_casefold"].parts(pa.array([row]))
            assert part.messages.to_pylist() == [row.strip().casefold()]


@few
@given(st.lists(st.text("aA zZ09-\u00a0\uff21ä", max_size=12), min_size=1))
def test_alnum_upper_is_that_of_python_where_it_reaches(texts: list[str]) -> None:
    names = pseudonym(pa.array(texts), "alnum_upper")
    forms = []
    for text in texts:
        wide = unicodedata.normalize("NFKC", text)
        forms.append((True, "".join(filter(str.isalnum, wide.upper()))) if wide.isascii() else (False, text))
    assert [[a == b for b in names] for a in names] == [[a == b for b in forms] for a in forms]


def test_folding_is_idempotent_for_every_character() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    once = [part for part in CANONS["trim_nfc_casefold"].parts(pa.array(characters)) if part.space == "text"]
    for part in once:
        again = CANONS["trim_nfc_casefold"].parts(part.messages)
        for piece in again:
            rows = slice(None) if piece.rows is None else piece.rows
            assert piece.messages.equals(part.messages.take(pa.array(np.arange(len(part.messages))[rows])))


@few
@given(st.lists(st.none() | st.dates(), min_size=1), st.sampled_from(["year", "quarter", "month", "week", "day"]))
def test_a_truncated_date_is_the_start_of_the_period_it_is_in(days: list[datetime.date | None], unit: str) -> None:
    released = MASKS["truncate_date"](pa.array(days, pa.date32()), MaskInputs(parameters={"unit": unit}))

    def start(day: datetime.date) -> datetime.date | None:
        match unit:
            case "year":
                return day.replace(month=1, day=1)
            case "quarter":
                return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            case "month":
                return day.replace(day=1)
            case "week":
                return day - datetime.timedelta(day.weekday())
            case _:
                return day

    assert released.to_pylist() == [None if day is None else start(day) for day in days]


@few
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(1, 2**63 - 1))
def test_a_bucket_is_the_greatest_multiple_below(numbers: list[int | None], step: int) -> None:
    released = MASKS["bucket"](pa.array(numbers, pa.int64()), MaskInputs(parameters={"step": step}))
    bounds = [None if n is None else n // step * step for n in numbers]
    assert released.to_pylist() == [None if bound is None or bound < -(2**63) else bound for bound in bounds]


@few
@given(st.lists(st.none() | st.floats(width=32), min_size=1), st.integers(1, 10**6))
def test_a_float_bucket_is_never_above_its_value(numbers: list[float | None], step: int) -> None:
    column = pa.array(numbers, pa.float32())
    released = MASKS["bucket"](column, MaskInputs(parameters={"step": step})).to_pylist()
    for bound, number in zip(released, column.to_pylist(), strict=True):
        assert bound is None or (bound <= number and number - bound < step * (1 + 2**-20))


@few
@given(
    st.lists(st.none() | st.decimals(-(10**27), 10**27, places=2), min_size=1),
    st.integers(1, 10**18),
    st.sampled_from([pa.decimal128(30, 2), pa.decimal256(40, 2)]),
)
@example([decimal.Decimal("124999999999999999999999999.95")], 1, pa.decimal128(30, 2))
def test_a_decimal_bucket_is_exact(numbers: list[decimal.Decimal | None], step: int, kind: pa.DataType) -> None:
    exact = decimal.Context(prec=60)  # the usual 28 digits would round what is compared
    released = MASKS["bucket"](pa.array(numbers, kind), MaskInputs(parameters={"step": step}))
    for bound, number in zip(released.to_pylist(), numbers, strict=True):
        if number is None:
            assert bound is None
        else:
            cents, units = int(exact.scaleb(number, 2)), step * 100
            assert int(exact.scaleb(bound, 2)) == cents // units * units
