"""Every mask by name. A new one is a kernel, a line here and a MaskSpec in terms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.generalize import bucket, truncate_date
from gateway.masks.keep import keep, redact
from gateway.masks.kernel import Kernel
from gateway.masks.pseudonym import pseudonym
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Parameter, family_of

MASKS: Mapping[str, Kernel] = MappingProxyType(
    {
        "keep": keep,
        "redact": redact,
        "pseudonym": pseudonym,
        "truncate_date": truncate_date,
        "bucket": bucket,
    }
)


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
    if use.parameters.keys() != spec.parameters.keys() or not all(
        _is_allowed(use.parameters[name], allowed) for name, allowed in spec.parameters.items()
    ):
        raise Integrity(f"mask {use.name} has other parameters", code="masks.parameters")
    return pa.string() if spec.output == "string" else plain


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Without its encoding: a dictionary's order and unused entries would tell of other rows."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _is_allowed(value: Parameter, allowed: type[int] | type[str] | frozenset[str]) -> bool:
    # exactly the type: True is an int to isinstance
    return value in allowed if isinstance(allowed, frozenset) else type(value) is allowed
