"""Parameters: their kinds, one form of each value, and what is said of wrong ones."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import Integrity, Invalid
from gateway.masks import MaskInputs
from gateway.terms.document import parse
from gateway.terms.mask_reader import read_mask
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Misfit, fault_of
from gateway.terms.mask_spec.parameters import Flag, Kind, Number, Numbers, Table, Text, Whole, Word

WHOLE = Whole(means="", minimum=1, maximum=9)
NUMBER = Number(means="", minimum=Decimal(-5), maximum=Decimal(10**6))
NUMBERS = Numbers(means="", minimum=Decimal(-5), maximum=Decimal(100))
WORD = Word(means="", words=("a", "b"), refused={"c": "it tells all"})
TEXT = Text(means="", form="[a-z]{0,3}", described="up to 3 of a-z")
TABLE = Table(means="")


@pytest.mark.parametrize(
    ("kind", "stated", "fitting"),
    [
        (WHOLE, 5, 5),
        (NUMBER, 0.1, Decimal("0.1")),
        (NUMBER, 5, Decimal(5)),
        (NUMBER, 5.0, Decimal(5)),
        (NUMBER, 1e5, Decimal(100_000)),
        (NUMBERS, [-5, 0.50, 7], (Decimal(-5), Decimal("0.5"), Decimal(7))),
        (WORD, "b", "b"),
        (TEXT, "", ""),
        (Flag(means=""), False, False),
        (TABLE, {"b": "x", "a": ["y"]}, (("a", ("y",)), ("b", ("x",)))),
    ],
)
def test_a_value_has_one_form_which_is_hashable_and_fits_again(kind: Kind, stated: object, fitting: object) -> None:
    made = kind.fit(stated)
    assert made == fitting
    assert type(made) is type(fitting)
    assert str(made) == str(fitting)
    assert kind.fit(made) == made
    hash(made)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        *((WHOLE, value) for value in (0, 10, True, "5", 5.0, None, Decimal(5))),
        *((NUMBER, value) for value in (-6, True, "5", float("nan"), float("inf"), 10**18, Decimal("1E-19"), None)),
        *((NUMBERS, value) for value in ([], [1, 1], [2, 1], [-6], [101], ["1"], 5, "12", list(range(-5, 1000)))),
        *((WORD, value) for value in ("c", "A", "", 1, None)),
        *((TEXT, value) for value in ("abcd", "A", "a\n", 1)),
        *((Flag(means=""), value) for value in (1, 0, "true", None)),
        *((TABLE, value) for value in ({}, {"a": []}, {"a": ["x"], "b": ["x", "y"]}, {"a": [1]}, ["a"], "a", {"a": 5})),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(kind: Kind, wrong: object) -> None:
    with pytest.raises(Misfit) as raised:
        kind.fit(wrong)
    assert kind.allowed in str(raised.value)


def test_a_refused_word_says_why() -> None:
    with pytest.raises(Misfit, match=r"'c' is not offered \(it tells all\); allowed: a, b"):
        WORD.fit("c")


def test_yamls_null_is_the_word_null_where_that_is_offered() -> None:
    stated = read_mask(parse("{name: pan, on_bad: null}", file="p.yaml"))
    assert stated == MaskUse(name="pan", parameters={"on_bad": "null"}) == MaskUse(name="pan")
    with pytest.raises(Invalid, match="keep of mask pan: 'null' is not offered"):
        read_mask(parse("{name: pan, keep: null}", file="p.yaml"))


def test_masks_that_say_the_same_are_equal() -> None:
    assert MaskUse(name="pseudonym") == MaskUse(name="pseudonym", parameters={"prefix": "", "form": "b32"})
    assert hash(MaskUse(name="pseudonym")) == hash(MaskUse(name="pseudonym", parameters={"form": "b32"}))
    assert MaskUse(name="pseudonym") != MaskUse(name="pseudonym", parameters={"form": "hex"})
    assert repr(MaskUse(name="fpe", parameters={"tweak": "none", "alphabet": "digits"})) == repr(MaskUse(name="fpe"))


def test_a_mask_cannot_be_changed() -> None:
    use = MaskUse(name="pseudonym")
    with pytest.raises(TypeError):
        use.parameters["form"] = "hex"  # type: ignore[index]  # it must not work
    with pytest.raises(dataclasses.FrozenInstanceError):
        use.name = "keep"  # type: ignore[misc]  # neither must this
    assert dataclasses.replace(use) == use


def test_what_is_shown_of_a_mask_is_what_differs_from_its_defaults() -> None:
    assert MaskUse(name="pseudonym").shown() == {}
    assert MaskUse(name="pseudonym", parameters={"form": "hex", "prefix": ""}).shown() == {"form": "hex"}
    assert MaskUse(name="iban", parameters={"keep_bank": True}).shown() == {"keep_bank": True}


def test_every_parameter_says_what_it_means() -> None:
    for spec in MASK_SPECS.values():
        assert spec.does.endswith(".")
        assert all(kind.means and kind.allowed for kind in spec.parameters.values())


@pytest.mark.parametrize("mask", ["pseudonym", "permute_int", "fpe", "pan", "iban", "phone", "email"])
def test_identifiers_masks_need_no_parameter(mask: str) -> None:
    assert fault_of(MaskUse(name=mask)) is None


def test_variants_are_about_values_that_their_parameters_can_have() -> None:
    for spec in MASK_SPECS.values():
        for variant in spec.variants:
            assert all(spec.parameters[variant.parameter].fit(value) == value for value in variant.values)


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        (
            "{name: pseudonym, form: base64}",
            "p.yaml:1: form of mask pseudonym: 'base64' is not offered; allowed: b32, hex",
        ),
        ("name: fpe\nmin_length: 3", "p.yaml:1: mask fpe: there are 1000 values of 3 symbols"),
        ("name: phone\nkeep_digits: 9", "p.yaml:2: keep_digits of mask phone: needed is a whole number from 0 to 4"),
        ("name: email\nkeep: all", "p.yaml:2: unknown key 'keep'; allowed: keep_domain, name, on_bad"),
        ("name: rot13", "p.yaml:1: unknown mask 'rot13'; masks are: "),
        ("name: truncate_date", "p.yaml:1: missing: unit"),
    ],
)
def test_what_is_wrong_with_a_policys_mask_is_said_where_it_stands(yaml: str, says: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_mask(parse(yaml, file="p.yaml"))
    assert raised.value.message.startswith(says)


@pytest.mark.parametrize("given", [None, True, 5, "x", Decimal(1), (), (("a", ("b",)),)])
def test_a_mask_without_its_parameter_ends_closed(given: Any) -> None:
    inputs = MaskInputs(parameters={} if given is None else {"p": given})
    readers = {int: inputs.whole, bool: inputs.flag, str: inputs.text, Decimal: inputs.number}
    for kind, read in readers.items():
        if type(given) is kind:
            assert read("p") == given
        else:
            with pytest.raises(Integrity, match="needs its parameter p"):
                read("p")
    for read_many in (inputs.listed, inputs.table):
        if given == (("a", ("b",)),) and read_many == inputs.table:
            continue
        with pytest.raises(Integrity, match="needs its parameter p"):
            read_many("p")
    with pytest.raises(Integrity, match="role subject"):
        inputs.beside("subject")
