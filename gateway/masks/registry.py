"""Every mask by name. A new one is a kernel, a line here and a MaskSpec in terms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.fpe.fpe import fpe, fpe_back
from gateway.masks.fpe.iban import iban, iban_back
from gateway.masks.fpe.pan import pan, pan_back
from gateway.masks.fpe.permute_int import permute_int, permute_int_back
from gateway.masks.fpe.phone import phone, phone_back
from gateway.masks.keep import keep, redact
from gateway.masks.kernel import Kernel
from gateway.masks.kernels.dates import date_shift, truncate_date
from gateway.masks.kernels.keyed import hash_bucket
from gateway.masks.kernels.listed import constant, generalize
from gateway.masks.kernels.numbers import bucket, round_, top_code
from gateway.masks.kernels.texts import keep_first, keep_last
from gateway.masks.pseudonyms.email import email
from gateway.masks.pseudonyms.pseudonym import pseudonym
from gateway.masks.text.text import text
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, family_of, fault_of

MASKS: Mapping[str, Kernel] = MappingProxyType(
    {
        "keep": keep,
        "redact": redact,
        "pseudonym": pseudonym,
        "permute_int": permute_int,
        "fpe": fpe,
        "pan": pan,
        "iban": iban,
        "phone": phone,
        "email": email,
        "hash_bucket": hash_bucket,
        "truncate_date": truncate_date,
        "date_shift": date_shift,
        "bucket": bucket,
        "round": round_,
        "top_code": top_code,
        "generalize": generalize,
        "keep_first": keep_first,
        "keep_last": keep_last,
        "constant": constant,
        "text": text,
    }
)

REVERSED: Mapping[str, Kernel] = MappingProxyType(
    {"permute_int": permute_int_back, "fpe": fpe_back, "pan": pan_back, "iban": iban_back, "phone": phone_back}
)
"""From what a reversible mask gave back to the value, with the same inputs; what it cannot have given becomes null."""


def output_type(use: MaskUse, kind: pa.DataType) -> pa.DataType:
    """The type that a mask releases for a raw one: never a dictionary and never a view.

    Raises:
        Integrity: an unknown mask, a type that it does not accept, or parameters other than its own.
    """
    spec = MASK_SPECS.get(use.name)
    if spec is None or use.name not in MASKS:
        raise Integrity(f"there is no mask {use.name!r}", code="masks.unknown")
    plain = plain_type(kind)
    if family_of(plain) not in spec.accepts:
        raise Integrity(f"mask {use.name} does not accept {kind}", code="masks.type")
    if fault := fault_of(use):
        raise Integrity(fault, code="masks.parameters")
    if wrong := spec.misfit(use.parameters, plain):
        raise Integrity(wrong, code="masks.type")
    return spec.output_with(use.parameters, plain)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Without its encoding: a dictionary's order and unused entries would tell of other rows."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def plain_column(column: pa.Array) -> pa.Array:
    """The same values without an encoding."""
    plain = plain_type(column.type)
    if plain == column.type:
        return column
    if pa.types.is_dictionary(column.type):  # not by dictionary_decode, which has no way for views
        return plain_column(column.dictionary).take(column.indices)
    return column.cast(plain)
