"""Masks that put a keyed value in the place of an identifier."""

from __future__ import annotations

from typing import Final

from gateway.terms.mask_spec.parameters import Text, Word
from gateway.terms.mask_spec.spec import MaskSpec, Parameters, Variant

FORMS: Final = ("b32", "hex", "uuid", "binary")


def _no_prefix_to_bytes(parameters: Parameters) -> str | None:
    wrong = parameters["form"] == "binary" and parameters["prefix"] != ""
    return "a prefix is for texts: form binary has none" if wrong else None


PSEUDONYMS: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="pseudonym",
        does="A keyed pseudonym: equal identifiers of a project's domain get equal ones.",
        accepts=frozenset({"string", "integer", "decimal", "date", "timestamp", "binary"}),
        parameters={
            "form": Word(
                means="b32: 16 characters of base32 (80 bits); hex: 32 digits (128 bits); uuid: a UUID of version 8"
                " (122 bits); binary: 16 bytes",
                words=FORMS,
                default="b32",
            ),
            "prefix": Text(
                means="stands before each pseudonym",
                form="(?:[A-Za-z][A-Za-z0-9_.:-]{0,15})?",
                described="a text of up to 16 of A-Z a-z 0-9 _ . : - that begins with a letter, or an empty one",
                default="",
            ),
        },
        output="string",
        keyed=True,
        leaks=frozenset({"null", "equality", "frequency"}),
        variants=(Variant(parameter="form", values=frozenset({"binary"}), output="binary"),),
        check=_no_prefix_to_bytes,
    ),
)
