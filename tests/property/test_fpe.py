"""Laws of format-preserving masks, against FF1 of one value at a time."""

from __future__ import annotations

import hmac
import random

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masks import MASKS, REVERSED, MaskInputs
from gateway.masks.ff1.algorithm import Ff1, max_length, min_length
from gateway.masks.ff1.symbols import ALPHABETS
from gateway.masks.fpe.countries import COUNTRIES, Country
from gateway.masks.kernel import Beside
from gateway.terms.key import Key
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Parameter
from tests.ff1_reference import ff1, ff1_text

KEY = bytes(range(32))
FF1_KEY = hmac.digest(KEY, b"gateway-ff1/1", "sha256")
few = settings(max_examples=60, deadline=None)


def inputs(mask: str, *, canon: str | None = None, **parameters: Parameter) -> MaskInputs:
    return MaskInputs(key=Key(KEY), canon=canon, parameters=MaskUse(name=mask, parameters=parameters).parameters)


def masked(mask: str, values: list[str | None], **parameters: Parameter) -> list[str | None]:
    made = MASKS[mask](pa.array(values, pa.string()), inputs(mask, **parameters))
    made.validate(full=True)
    assert REVERSED[mask](made, inputs(mask, **parameters)).to_pylist() == [
        value if name is not None else None for value, name in zip(values, made.to_pylist(), strict=True)
    ] or not MASK_SPECS[mask].reversible_with(inputs(mask, **parameters).parameters)
    return list(made.to_pylist())


def dirty(values: list[str | None], kind: pa.DataType) -> pa.Array:
    """The values with other ones lying under their nulls, and a value before the first."""
    whole = pa.array(["000000"] + [value or "41111111" for value in values], kind)
    valid = np.packbits([True] + [value is not None for value in values], bitorder="little")
    return pa.Array.from_buffers(kind, len(whole), [pa.py_buffer(valid), *whole.buffers()[1:]])[1:]


def lengths() -> list[tuple[str, int]]:
    return [
        (name, length)
        for name, alphabet in ALPHABETS.items()
        for length in range(min_length(len(alphabet)), max_length(len(alphabet)) + 1)
    ]


def test_alphabets_are_those_of_the_specification() -> None:
    from gateway.terms.mask_spec.formats import RADIXES

    assert {name: len(alphabet) for name, alphabet in ALPHABETS.items()} == RADIXES
    assert all(len(set(alphabet)) == len(alphabet) for alphabet in ALPHABETS.values())


@pytest.mark.parametrize(("alphabet", "length"), lengths())
def test_fpe_is_ff1_of_each_value(alphabet: str, length: int) -> None:
    symbols = ALPHABETS[alphabet].decode()
    source = random.Random(length)
    values = [
        None if source.random() < 0.1 else "".join(source.choices(symbols, k=length))
        for _ in range(100_000 // len(lengths()))
    ]
    wanted = [None if value is None else ff1_text(FF1_KEY, alphabet=symbols, tweak=b"", text=value) for value in values]
    for kind in (pa.string(), pa.large_string()):
        column = dirty(values, kind)
        for start, stop in ((0, len(values)), (3, None), (8, 100), (-1, None), (0, 0)):
            made = MASKS["fpe"](column[start:stop], inputs("fpe", alphabet=alphabet))
            assert made.to_pylist() == wanted[start:stop]
    there = MASKS["fpe"](pa.array(values), inputs("fpe", alphabet=alphabet))
    assert REVERSED["fpe"](there, inputs("fpe", alphabet=alphabet)).to_pylist() == values


@pytest.mark.parametrize("length", range(20, max_length(10) + 1))
def test_the_remainder_of_96_bits_is_exact_where_the_quotients_estimate_is_not(length: int) -> None:
    source = random.Random(length)
    one = Ff1(KEY, radix=10, length=length)
    for modulus in (10 ** (length // 2), 10 ** (length - length // 2)):
        whole = [source.randrange(2**32) * modulus + near for near in (-1, 0, 1, modulus - 1) for _ in range(500)]
        whole = [number for number in whole if 0 <= number >> 32 < modulus]
        remainders = np.array([number >> 32 for number in whole], np.uint64)
        words = np.array([number % 2**32 for number in whole], ">u4")
        padded = np.zeros((len(whole), 2), ">u4")
        padded[:, 0] = words
        one._lengthen(remainders, padded.view(np.uint64).reshape(-1), modulus)
        assert remainders.tolist() == [number % modulus for number in whole]


def test_fpe_of_many_lengths_in_one_column_is_ff1_of_each() -> None:
    source = random.Random(7)
    digits = ["".join(source.choices("0123456789", k=source.randint(0, 40))) for _ in range(10_000)]
    values = [value if source.random() < 0.5 else _separated(value, source) for value in digits]
    made = MASKS["fpe"](pa.array(values), inputs("fpe")).to_pylist()
    for value, bare, name in zip(values, digits, made, strict=True):
        if not 6 <= len(bare) <= 36:
            assert name is None
            continue
        encrypted = iter(ff1_text(FF1_KEY, alphabet="0123456789", tweak=b"", text=bare))
        assert name == "".join(next(encrypted) if character.isdigit() else character for character in value)


def _separated(value: str, source: random.Random) -> str:
    return "".join(character + source.choice(["", "", "-", " ", "/", "+", "(", ")"]) for character in value)


def test_fpe_by_subject_is_ff1_under_the_subjects_tweak() -> None:
    subjects = pa.array([1, 1, 2, None, 3] * 50)
    column = pa.array(["123456789"] * 250)
    stated = inputs("fpe", tweak="subject")
    beside = MaskInputs(
        key=stated.key, parameters=stated.parameters, auxiliary={"subject": Beside(column=subjects, canon="exact")}
    )
    made = MASKS["fpe"](column, beside).to_pylist()
    tweak_key = hmac.digest(KEY, b"gateway-ff1-tweak/1", "sha256")
    space = hmac.digest(tweak_key, b"gateway-pseudonym/1\nexact\ninteger", "sha256")
    for subject, name in zip(subjects.to_pylist(), made, strict=True):
        if subject is None:
            assert name is None
            continue
        one = CMAC(algorithms.AES(space))
        one.update(subject.to_bytes(8, "little"))
        tweak = one.finalize()[:7]
        assert name == ff1_text(FF1_KEY, alphabet="0123456789", tweak=tweak, text="123456789")
    back = REVERSED["fpe"](pa.array(made), beside).to_pylist()
    assert back == [None if subject is None else "123456789" for subject in subjects.to_pylist()]


def test_a_row_beside_a_null_is_still_encrypted_by_its_own_subject() -> None:
    column, subjects = pa.array([None, "123456789", "123456789"]), pa.array([1, 2, 1])
    stated = inputs("fpe", tweak="subject")
    made = MASKS["fpe"](
        column, MaskInputs(key=stated.key, parameters=stated.parameters, auxiliary={"subject": Beside(column=subjects)})
    )
    alone = MASKS["fpe"](
        column[1:2],
        MaskInputs(key=stated.key, parameters=stated.parameters, auxiliary={"subject": Beside(column=subjects[1:2])}),
    )
    assert made[1].as_py() == alone[0].as_py() != made[2].as_py()


@pytest.mark.parametrize(("width", "bits", "kind"), [("int64", 64, pa.int64()), ("int32", 32, pa.int32())])
def test_permuted_integers_are_ff1_of_their_bits(width: str, bits: int, kind: pa.DataType) -> None:
    source = random.Random(bits)
    numbers = [source.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1)) for _ in range(10_000)]
    numbers += [0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))]
    made = MASKS["permute_int"](pa.array(numbers, kind), inputs("permute_int", width=width))
    assert made.type == kind
    for number, other in list(zip(numbers, made.to_pylist(), strict=True))[-1_000:]:
        digits = [int(bit) for bit in f"{number % 2**bits:0{bits}b}"]
        wanted = ff1(FF1_KEY, radix=2, tweak=b"", digits=digits)
        assert f"{other % 2**bits:0{bits}b}" == "".join(map(str, wanted))
    assert REVERSED["permute_int"](made, inputs("permute_int", width=width)).to_pylist() == numbers
    assert len(set(made.to_pylist())) == len(set(numbers))


@few
@given(st.lists(st.none() | st.integers(-(2**63), 2**64 - 1), min_size=1), st.sampled_from(["int64", "int32"]))
def test_a_number_has_one_permuted_number_in_every_integer_type(numbers: list[int | None], width: str) -> None:
    wide = {}
    for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()):
        low, high = (0, 2**kind.bit_width) if "uint" in str(kind) else (-(2 ** (kind.bit_width - 1)),) * 2
        high = high if low == 0 else -low
        held = [number for number in numbers if number is None or low <= number < high]
        made = MASKS["permute_int"](pa.array(held, kind), inputs("permute_int", width=width)).to_pylist()
        for number, other in zip(held, made, strict=True):
            limit = 2**63 if width == "int64" else 2**31
            assert (other is None) == (number is None or not -limit <= number < limit)
            assert wide.setdefault(number, other) == other


def luhn(card: str) -> bool:
    folded = (int(c) if place % 2 == 0 else sum(divmod(2 * int(c), 10)) for place, c in enumerate(reversed(card)))
    return sum(folded) % 10 == 0


def card(payload: str) -> str:
    return next(payload + check for check in "0123456789" if luhn(payload + check))


@pytest.mark.parametrize("keep", ["bin6", "none"])
@pytest.mark.parametrize("length", range(13, 20))
def test_a_masked_card_is_ff1_between_issuer_and_check_digit(length: int, keep: str) -> None:
    source = random.Random(length)
    cards = [card("".join(source.choices("0123456789", k=length - 1))) for _ in range(500)]
    names = masked("pan", cards, keep=keep)
    head = 6 if keep == "bin6" else 0
    for given_, name in zip(cards, names, strict=True):
        assert name is not None
        inner = ff1_text(FF1_KEY, alphabet="0123456789", tweak=given_[:head].encode(), text=given_[head:-1])
        assert name == card(given_[:head] + inner)
        assert luhn(name)
    assert len(set(names)) == len(set(cards))


def iban(country: Country, source: random.Random, *, bank: str | None = None) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if country.letters else "0123456789"
    bban = bank or "".join(source.choices(letters, k=country.bank))
    bban += "".join(source.choices("0123456789", k=country.account))
    return country.code + check(country.code, bban) + bban


def check(code: str, bban: str) -> str:
    number = int("".join(str(int(character, 36)) for character in bban + code + "00"))
    return f"{98 - number % 97:02d}"


def is_iban(text: str) -> bool:
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


@pytest.mark.parametrize("country", COUNTRIES.values(), ids=lambda country: country.code)
def test_a_masked_iban_keeps_country_and_bank_and_is_ff1_behind_them(country: Country) -> None:
    source = random.Random(country.code)
    ibans = [iban(country, source) for _ in range(200)]
    names = masked("iban", ibans, keep_bank=True)
    for given_, name in zip(ibans, names, strict=True):
        assert name is not None
        assert is_iban(given_)
        assert is_iban(name)
        bank = given_[4 : 4 + country.bank]
        account = given_[4 + country.bank :]
        inner = ff1_text(FF1_KEY, alphabet="0123456789", tweak=(country.code + bank).encode(), text=account)
        assert name == country.code + check(country.code, bank + inner) + bank + inner
    assert len(set(names)) == len(set(ibans))


@pytest.mark.parametrize("country", COUNTRIES.values(), ids=lambda country: country.code)
def test_t25_without_its_bank_an_iban_is_nobodys_or_does_not_fit(country: Country) -> None:
    source = random.Random(country.code)
    ibans = [iban(country, source) for _ in range(2_000)]
    names = masked("iban", ibans, keep_bank=False)
    if not country.unassigned:
        assert names == [None] * len(ibans)
        return
    assert all(name and is_iban(name) and len(name) == country.length for name in names)
    assert all(name and name[:2] == country.code and name[4:].startswith(country.unassigned) for name in names)
    assert len(set(names)) == len(ibans)
    drawn = {name[4 + len(country.unassigned) :] for name in names if name}
    assert len({digits[:1] for digits in drawn}) == len({digits[-1:] for digits in drawn}) == 10
    assert country.bank + country.account - len(country.unassigned) >= 15  # digits: the chance of two that meet


def test_ibans_of_all_countries_in_one_column_are_masked_as_alone() -> None:
    source = random.Random(1)
    ibans = [iban(country, source) for country in COUNTRIES.values() for _ in range(3)]
    source.shuffle(ibans)
    for keep_bank in (True, False):
        names = masked("iban", ibans, keep_bank=keep_bank)
        assert names == [masked("iban", [one], keep_bank=keep_bank)[0] for one in ibans]


PHONE = st.from_regex(r"\A\+?[0-9][0-9 ()/-]{0,20}\Z")


@few
@given(st.lists(st.none() | PHONE, min_size=1), st.booleans(), st.integers(0, 4))
def test_a_masked_number_has_the_numbers_shape_and_comes_back(
    numbers: list[str | None], keep_country: bool, keep_digits: int
) -> None:
    names = masked("phone", numbers, keep_country=keep_country, keep_digits=keep_digits)
    for number, name in zip(numbers, names, strict=True):
        if number is None or name is None:
            continue
        assert len(name) == len(number)
        assert [c for c in name if not c.isdigit()] == [c for c in number if not c.isdigit()]
        kept = keep_digits + (_country(number) if keep_country and number.startswith("+") else 0)
        digits = [[c for c in text if c.isdigit()] for text in (number, name)]
        assert digits[0][:kept] == digits[1][:kept]


def _country(number: str) -> int:
    """Digits of the country's code: a few countries, else unknown."""
    digits = "".join(c for c in number if c.isdigit())
    known = {"1": 1, "7": 1, "49": 2, "33": 2, "353": 3, "420": 3}
    return next((width for code, width in known.items() if digits.startswith(code)), 0)


@pytest.mark.parametrize(
    ("number", "kept"),
    [("+49 30 1234567", 2), ("+1 212 555 0100", 1), ("+7 495 1234567", 1), ("+353 1 2345678", 3), ("+999 12345678", 3)],
)
def test_a_masked_number_is_ff1_behind_its_country(number: str, kept: int) -> None:
    (name,) = masked("phone", [number], keep_country=True)
    digits = "".join(c for c in number if c.isdigit())
    tweak = bytes([kept]) + digits[:kept].encode() + bytes(7 - kept)
    wanted = digits[:kept] + ff1_text(FF1_KEY, alphabet="0123456789", tweak=tweak, text=digits[kept:])
    assert "".join(c for c in name or "" if c.isdigit()) == wanted


@few
@given(st.lists(st.text("0123456789-/:～１２a+ é", max_size=45) | st.text(max_size=20), min_size=1))
@pytest.mark.parametrize("mask", ["fpe", "pan", "iban", "phone"])
def test_what_does_not_fit_never_passes(mask: str, texts: list[str]) -> None:
    for on_bad in ("null", "pseudonym"):
        made = MASKS[mask](pa.array(texts), inputs(mask, on_bad=on_bad)).to_pylist()
        fits = [name is not None for name in MASKS[mask](pa.array(texts), inputs(mask)).to_pylist()]
        for text, name, is_fit in zip(texts, made, fits, strict=True):
            if not is_fit:
                assert name is None if on_bad == "null" else name.startswith("~")
                assert name != text
