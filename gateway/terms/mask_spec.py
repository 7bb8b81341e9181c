"""What each mask is called, takes, gives and still leaks, as data.

Policy lint and planning read this; the kernels live in masks/, and a test holds
`masks.MASKS` equal to `MASK_SPECS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

Family = Literal["string", "integer", "decimal", "float", "date", "timestamp", "boolean", "binary"]
Leak = Literal["null", "equality", "frequency", "order", "length", "range", "value"]
Parameter = int | str | bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskUse:
    """A mask as a policy names it, with its parameters."""

    name: str
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskSpec:
    """The declaration of one mask."""

    name: str
    accepts: frozenset[Family]
    parameters: Mapping[str, type[int] | type[str] | frozenset[str]]
    """Name to type, or to the allowed words. Every parameter is required."""
    output: Literal["same", "string"]
    """The released type: the column's own, or string."""
    keyed: bool
    """Needs a key, and so a domain or a column of its own as the key's scope."""
    leaks: frozenset[Leak]
    """What a reader of the masked column still learns."""
    auxiliary: tuple[str, ...] = ()
    """Roles of further inputs (`subject`, `tweak`, `known`); read, given to the mask, never released."""


ALL: frozenset[Family] = frozenset({"string", "integer", "decimal", "float", "date", "timestamp", "boolean", "binary"})


def family_of(kind: pa.DataType) -> Family | None:
    """The family of an Arrow type; None for types that no mask accepts."""
    checks: tuple[tuple[Family, bool], ...] = (
        ("string", pa.types.is_string(kind) or pa.types.is_large_string(kind)),
        ("integer", pa.types.is_integer(kind)),
        ("decimal", pa.types.is_decimal(kind)),
        ("float", pa.types.is_floating(kind)),
        ("date", pa.types.is_date32(kind)),
        ("timestamp", pa.types.is_timestamp(kind)),
        ("boolean", pa.types.is_boolean(kind)),
        ("binary", pa.types.is_binary(kind) or pa.types.is_large_binary(kind)),
    )
    return next((family for family, holds in checks if holds), None)


MASK_SPECS: Mapping[str, MaskSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            MaskSpec(
                name="keep",
                accepts=ALL,
                parameters={},
                output="same",
                keyed=False,
                leaks=frozenset({"null", "equality", "frequency", "order", "length", "range", "value"}),
            ),
            MaskSpec(
                name="redact",
                accepts=ALL,
                parameters={},
                output="same",
                keyed=False,
                leaks=frozenset(),
            ),
            MaskSpec(
                name="pseudonym",
                accepts=frozenset({"string", "integer", "decimal", "date", "timestamp", "binary"}),
                parameters={},
                output="string",
                keyed=True,
                leaks=frozenset({"null", "equality", "frequency"}),
            ),
            MaskSpec(
                name="truncate_date",
                accepts=frozenset({"date", "timestamp"}),
                parameters={"unit": frozenset({"year", "quarter", "month", "week", "day"})},
                output="same",
                keyed=False,
                leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
            ),
            MaskSpec(
                name="bucket",
                accepts=frozenset({"integer", "decimal", "float"}),
                parameters={"step": int},
                output="same",
                keyed=False,
                leaks=frozenset({"null", "equality", "frequency", "order", "range"}),
            ),
        )
    }
)
