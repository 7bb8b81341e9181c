"""Masks whose result has the value's format, so that what checks the format takes it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.terms.mask_spec.parameters import Flag, Whole, Word
from gateway.terms.mask_spec.spec import Leak, MaskSpec, Parameters, Variant

RADIXES: Final[Mapping[str, int]] = MappingProxyType(
    {"digits": 10, "lower": 26, "upper": 26, "digits_lower": 36, "digits_upper": 36, "digits_letters": 62}
)
"""Alphabets, and how many symbols each has."""
MIN_DOMAIN: Final = 1_000_000
"""Fewer values than these are found by trying (SP 800-38G Rev. 1, second draft: a requirement)."""

_ON_BAD: Final = Word(
    means="what stands for a value without the format: null, `~` and a pseudonym, or an error that ends the query",
    words=("null", "pseudonym", "error"),
    default="null",
)
_TOLD: Final[frozenset[Leak]] = frozenset({"null", "equality", "frequency", "length", "format"})


def _enough_values(parameters: Parameters) -> str | None:
    alphabet, length = str(parameters["alphabet"]), int(str(parameters["min_length"]))
    count = RADIXES[alphabet] ** length
    if length == 0 or count >= MIN_DOMAIN:
        return None
    return f"there are {count} values of {length} symbols of {alphabet}, and {MIN_DOMAIN} are needed: raise min_length"


FORMATS: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="permute_int",
        does="Another whole number: a keyed permutation of all numbers of `width`, FF1 over their bits.",
        accepts=frozenset({"integer"}),
        parameters={
            "width": Word(
                means="the released type; columns of one domain join whatever their own type is, and a number that"
                " it cannot hold becomes null",
                words=("int64", "int32"),
                default="int64",
            )
        },
        output="int64",
        keyed=True,
        leaks=frozenset({"null", "equality", "frequency"}),
        variants=(Variant(parameter="width", values=frozenset({"int32"}), output="int32"),),
        reversible=True,
        resembles=True,
    ),
    MaskSpec(
        name="fpe",
        does="A text of the same length and shape, of the same alphabet, by FF1; signs between symbols stay.",
        accepts=frozenset({"string"}),
        parameters={
            "alphabet": Word(means="what is replaced, and by what", words=tuple(RADIXES), default="digits"),
            "min_length": Whole(
                means="symbols of the shortest value; 0: as few as have a million values",
                minimum=0,
                maximum=36,
                default=0,
            ),
            "tweak": Word(
                means="subject: each data subject has an encryption of its own, so that a value of two is not seen to"
                " be one, and joins hold within a subject only",
                words=("none", "subject"),
                default="none",
            ),
            "on_bad": _ON_BAD,
        },
        output="string",
        keyed=True,
        leaks=_TOLD,
        variants=(Variant(parameter="tweak", values=frozenset({"subject"}), auxiliary=("subject",)),),
        reversible=True,
        resembles=True,
        check=_enough_values,
    ),
    MaskSpec(
        name="pan",
        does="A card number of the same length with a right check digit, by FF1.",
        accepts=frozenset({"string"}),
        parameters={
            "keep": Word(
                means="what stays: the issuer's six digits, or nothing",
                words=("bin6", "none"),
                default="bin6",
                refused=MappingProxyType(
                    {"bin6_last4": "100000 numbers are left with a right check digit, and 1000000 are needed"}
                ),
            ),
            "on_bad": _ON_BAD,
        },
        output="string",
        keyed=True,
        leaks=_TOLD,
        variants=(Variant(parameter="keep", values=frozenset({"bin6"}), leaks=frozenset({"part"})),),
        reversible=True,
        resembles=True,
    ),
    MaskSpec(
        name="iban",
        does="An IBAN of the same country with right check digits: nobody's; by FF1 at the same bank if `keep_bank`.",
        accepts=frozenset({"string"}),
        parameters={
            "keep_bank": Flag(
                means="true: the bank's code stays, and the result may be somebody's IBAN; false: a code that no bank"
                " has, for countries of which one is known",
                default=False,
            ),
            "on_bad": _ON_BAD,
        },
        output="string",
        keyed=True,
        canons=frozenset({"exact", "alnum_upper"}),
        leaks=_TOLD | {"part"},
        variants=(Variant(parameter="keep_bank", values=frozenset({False}), reversible=False, resembles=False),),
        reversible=True,
        resembles=True,
    ),
    MaskSpec(
        name="phone",
        does="A telephone number of the same shape, by FF1.",
        accepts=frozenset({"string"}),
        parameters={
            "keep_country": Flag(means="true: the country's code behind a leading `+` stays", default=False),
            "keep_digits": Whole(
                means="digits of the area that stay, behind the country's code where that stays",
                minimum=0,
                maximum=4,
                default=0,
            ),
            "on_bad": _ON_BAD,
        },
        output="string",
        keyed=True,
        leaks=_TOLD,
        variants=(
            Variant(parameter="keep_country", values=frozenset({True}), leaks=frozenset({"part"})),
            Variant(parameter="keep_digits", values=frozenset(range(1, 5)), leaks=frozenset({"part"})),
        ),
        reversible=True,
        resembles=True,
    ),
    MaskSpec(
        name="email",
        does="An address: a pseudonym of the whole one, and the domain or `example.com`.",
        accepts=frozenset({"string"}),
        parameters={
            "keep_domain": Flag(means="true: the domain stays; a rare one tells of its owner", default=False),
            "on_bad": _ON_BAD,
        },
        output="string",
        keyed=True,
        canons=frozenset({"exact", "trim_nfc_casefold"}),
        leaks=frozenset({"null", "equality", "frequency", "format"}),
        variants=(Variant(parameter="keep_domain", values=frozenset({True}), leaks=frozenset({"part", "length"})),),
    ),
)
