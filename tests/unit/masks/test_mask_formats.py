"""Masks that keep a format, and pseudonyms in their forms: what fits, what does not, what comes out."""

from __future__ import annotations

import re
import uuid

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.masks import MASKS, MaskInputs
from gateway.masks.ff1.algorithm import Ff1, max_length, min_length
from gateway.terms.key import Key
from gateway.terms.mask_spec import MASK_SPECS, MaskUse
from tests.unit.masks.mask_builders import bytes_of, decide, released
from tests.unit.masks.mask_samples import card, iban

FIT = {"fpe": "123-456", "pan": card(1), "iban": iban(1), "phone": "+49 30 123456", "email": "a@b.example"}
UNFIT = {
    "fpe": ["12345", "123456a", "１２３４５６", "12345\n6", "", "1" * 37, "~123456", "12345/", "123456\x00", "٣٤٥٦٧٨"],
    "pan": [card(1)[:-1] + "0", "4111 1111 1111 1111", "411111111111", "4" * 20, "４111111111111111", "", "abc"],
    "iban": [
        *("DE88370400440532013000", "de89370400440532013000", "DE89 3704 0044 0532 0130 00", "DE8937040044053201300"),
        *("XX89370400440532013000", "FR1420041010050500013M02606", "IT60X0542811101000000123456", "DE8", "", "D"),
        *("GB29NW1K60161331926819", "DE89３70400440532013", "DE8937040044053201300:", "DEA9370400440532013000"),
    ],
    "phone": ["12345", "49+30123456", "+49 30 123456 ext 7", "1" * 16, "++493012345", "", "+４９30123456"],
    "email": [
        "anna",
        "a@b",
        "@b.example",
        "a@b@c.example",
        "a@b..example",
        "a@4111111111111111",
        "a@b.c",
        "a@-b.de",
        "",
    ],
}


@pytest.mark.parametrize("mask", UNFIT)
def test_what_does_not_fit_becomes_null_and_changes_no_other_row(mask: str) -> None:
    alone = released(pa.array([FIT[mask]]), mask)[0].as_py()
    column = [item for value in UNFIT[mask] for item in (FIT[mask], value, None)]
    masked = released(pa.array(column), mask)
    assert masked.to_pylist() == [alone, None, None] * len(UNFIT[mask])
    assert not any(value.encode() in bytes_of(masked) for value in UNFIT[mask] if len(value) > 2)


@pytest.mark.parametrize("mask", UNFIT)
def test_what_does_not_fit_may_become_a_marked_pseudonym(mask: str) -> None:
    masked = released(pa.array([FIT[mask], None, *UNFIT[mask], *UNFIT[mask]]), mask, on_bad="pseudonym").to_pylist()
    assert masked[0] == released(pa.array([FIT[mask]]), mask)[0].as_py()
    assert masked[1] is None
    assert all(re.fullmatch("~[0-9A-HJKMNP-TV-Z]{16}", name) for name in masked[2:])
    assert masked[2 : 2 + len(UNFIT[mask])] == masked[2 + len(UNFIT[mask]) :]
    assert len(set(masked[2:])) == len(UNFIT[mask])


@pytest.mark.parametrize("mask", UNFIT)
def test_what_does_not_fit_may_end_the_query_without_being_told(mask: str) -> None:
    for value in UNFIT[mask]:
        with pytest.raises(Integrity) as raised:
            released(pa.array([FIT[mask], value]), mask, on_bad="error")
        assert raised.value.code == "integrity.masks.format"
        assert not value or value not in str(raised.value)
    assert released(pa.array([FIT[mask], None]), mask, on_bad="error").null_count == 1


@pytest.mark.parametrize("mask", UNFIT)
def test_a_column_in_which_nothing_fits_is_null(mask: str) -> None:
    masked = released(pa.array(UNFIT[mask] * 3_000), mask)
    assert masked.null_count == len(masked)
    assert not any(masked.buffers()[2] or b"")


@pytest.mark.parametrize("mask", ["fpe", "pan", "iban", "phone", "permute_int"])
def test_a_format_preserving_mask_is_refused_without_a_key(mask: str) -> None:
    column = pa.array([1]) if mask == "permute_int" else pa.array([FIT[mask]])
    with pytest.raises(Integrity, match="key"):
        MASKS[mask](column, MaskInputs(parameters=MaskUse(name=mask).parameters))


def test_an_unknown_canonical_form_ends_closed() -> None:
    with pytest.raises(Integrity, match="canonical"):
        released(pa.array(["123456"]), "fpe", canon="rot13")


def test_permute_int_refused_for_what_is_no_integer() -> None:
    with pytest.raises(Integrity, match="integers"):
        MASKS["permute_int"](
            pa.array(["1"]), MaskInputs(key=Key(bytes(32)), parameters=MaskUse(name="permute_int").parameters)
        )


@pytest.mark.parametrize(
    ("radix", "shortest", "longest"), [(10, 6, 36), (26, 5, 26), (36, 4, 22), (62, 4, 20), (2, 20, 122)]
)
def test_ff1_takes_values_of_a_million_and_of_halves_below_a_word(radix: int, shortest: int, longest: int) -> None:
    assert (min_length(radix), max_length(radix)) == (shortest, longest)
    for length in (shortest - 1, longest + 1):
        with pytest.raises(Integrity, match="FF1 does not take"):
            Ff1(bytes(32), radix=radix, length=length)


def test_domains_join_through_their_canonical_form() -> None:
    written = ["DE89 3704 0044 0532 0130 00", "de89370400440532013000", "DE89-3704-0044-0532-0130-00"]
    masked = released(pa.array([*written, "DE89370400440532013000"]), "iban", canon="alnum_upper", keep_bank=True)
    assert len(masked.unique()) == 1
    assert masked[0].as_py().startswith("DE")
    mails = released(pa.array(["Anna@Bank.example", " anna@bank.EXAMPLE"]), "email", canon="trim_nfc_casefold")
    assert len(mails.unique()) == 1


def test_the_mask_of_an_address_tells_equality_of_the_whole_only() -> None:
    masked = released(pa.array(["a@b.example", "a@c.example", "d@b.example"]), "email", keep_domain=True).to_pylist()
    assert [name.split("@")[1] for name in masked] == ["b.example", "c.example", "b.example"]
    assert len({name.split("@")[0] for name in masked}) == 3
    hidden = released(pa.array(["a@b.example", "a@c.example"]), "email").to_pylist()
    assert {name.split("@")[1] for name in hidden} == {"example.com"}
    assert all(re.fullmatch("[0-9a-hjkmnp-tv-z]{16}", name.split("@")[0]) for name in masked + hidden)


@pytest.mark.parametrize("prefix", ["", "c_"])
def test_forms_of_a_pseudonym_are_of_one_tag(prefix: str) -> None:
    column = pa.array([f"somebody {number}" for number in range(9_000)] + [None])
    tags = released(column, "pseudonym", form="binary").to_pylist()
    digits = released(column, "pseudonym", form="hex", prefix=prefix).to_pylist()
    ids = released(column, "pseudonym", form="uuid", prefix=prefix).to_pylist()
    short = released(column, "pseudonym", prefix=prefix).to_pylist()
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    assert (tags.pop(), digits.pop(), ids.pop(), short.pop()) == (None,) * 4
    for tag, hexa, id_, base in zip(tags, digits, ids, short, strict=True):
        one = bytearray(tag)
        assert hexa == prefix + tag.hex()
        assert base == prefix + "".join(alphabet[byte & 31] for byte in tag)
        one[6], one[8] = one[6] & 15 | 0x80, one[8] & 63 | 0x80
        assert id_ == prefix + str(uuid.UUID(bytes=bytes(one)))
    assert uuid.UUID(ids[0].removeprefix(prefix)).version == 8


def test_t25_masks_that_give_somebodys_values_say_so() -> None:
    told = {name: spec.resembles_with(MaskUse(name=name).parameters) for name, spec in MASK_SPECS.items()}
    assert {name for name, resembles in told.items() if resembles} == {"permute_int", "fpe", "pan", "phone"}
    assert MASK_SPECS["iban"].resembles_with(MaskUse(name="iban", parameters={"keep_bank": True}).parameters)


@pytest.mark.parametrize("on_bad", ["null", "pseudonym"])
def test_leaks_are_told_for_the_parameters_of_a_decision(on_bad: str) -> None:
    for keep_bank in (True, False):
        use = decide("c", "iban", keep_bank=keep_bank, on_bad=on_bad).mask
        assert MASK_SPECS["iban"].reversible_with(use.parameters) is keep_bank
    told = {
        flag: MASK_SPECS["email"].leaks_with(decide("c", "email", keep_domain=flag).mask.parameters)
        for flag in (True, False)
    }
    assert told[True] - told[False] == {"part", "length"}
