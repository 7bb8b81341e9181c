"""The declaration of a mask, and the families of types that masks take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

import pyarrow as pa

from gateway.terms.mask_spec.parameters import Kind, Parameter

Family = Literal["string", "integer", "decimal", "float", "date", "timestamp", "boolean", "binary"]
Leak = Literal["null", "equality", "frequency", "order", "length", "format", "part", "range", "interval", "value"]
"""What a reader of a masked column still learns: which rows have no value; which have the same; how frequent each is;
which is greater; how long each is; of what form, or which values do not have the mask's; a part of the value as it is;
bounds of the value; how far apart one data subject's values are; the value."""
Output = Literal["same", "string", "binary", "int32", "int64", "date"]
Parameters = Mapping[str, Parameter]

ALL: frozenset[Family] = frozenset({"string", "integer", "decimal", "float", "date", "timestamp", "boolean", "binary"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What changes where a parameter has one of these values."""

    parameter: str
    values: frozenset[Parameter]
    leaks: frozenset[Leak] = frozenset()
    """Told besides."""
    output: Output | None = None
    """Instead of the mask's own."""
    auxiliary: tuple[str, ...] = ()
    """Needed besides."""
    reversible: bool = True
    """False: no longer reversible."""
    resembles: bool = True
    """False: no longer somebody else's."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskSpec:
    """The declaration of one mask."""

    name: str
    does: str
    """One sentence for the docs."""
    accepts: frozenset[Family]
    parameters: Mapping[str, Kind]
    output: Output
    """The released type: the column's own (`same`), or this one."""
    keyed: bool
    """Needs a key, and so a domain or a column of its own as the key's scope."""
    leaks: frozenset[Leak]
    """What a reader of the masked column still learns, whatever the parameters."""
    auxiliary: tuple[str, ...] = ()
    """Roles of further inputs (`subject`, `tweak`, `known`); read, given to the mask, never released."""
    keyed_by: Literal["domain", "subject"] = "domain"
    """Whose domain the key is of: the column's own, or that of the column with the role `subject`."""
    variants: tuple[Variant, ...] = ()
    """What depends on parameters; of several outputs the last counts."""
    reversible: bool = False
    """Whoever holds the key can have the value back: MASKS has a way back (masks.REVERSED)."""
    resembles: bool = False
    """What it gives looks like a value, and may be somebody else's (T25)."""
    canons: frozenset[str] = frozenset()
    """Canonical forms that leave its values their format; empty: all."""
    check: Callable[[Parameters], str | None] = lambda _: None
    """What is wrong with parameters that each are right; None: nothing."""
    misfit: Callable[[Parameters, pa.DataType], str | None] = lambda _, __: None
    """What is wrong with right parameters for columns of an accepted type (no dictionary, no view); None: nothing."""

    def leaks_with(self, parameters: Parameters) -> frozenset[Leak]:
        """What a reader still learns."""
        return self.leaks.union(*(variant.leaks for variant in self._variants(parameters)))

    def auxiliary_with(self, parameters: Parameters) -> tuple[str, ...]:
        """Roles of further inputs."""
        further = [role for variant in self._variants(parameters) for role in variant.auxiliary]
        return tuple(dict.fromkeys((*self.auxiliary, *further)))

    def output_with(self, parameters: Parameters, kind: pa.DataType) -> pa.DataType:
        """The released type of a column of this plain type (no dictionary, no view)."""
        output = [self.output, *(variant.output for variant in self._variants(parameters) if variant.output)][-1]
        return kind if output == "same" else _TYPES[output]

    def reversible_with(self, parameters: Parameters) -> bool:
        """Whether the key leads back to the value."""
        return self.reversible and all(variant.reversible for variant in self._variants(parameters))

    def resembles_with(self, parameters: Parameters) -> bool:
        """Whether what it gives may be somebody else's value."""
        return self.resembles and all(variant.resembles for variant in self._variants(parameters))

    def _variants(self, parameters: Parameters) -> list[Variant]:
        return [variant for variant in self.variants if parameters.get(variant.parameter) in variant.values]


_TYPES: Mapping[Output, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "date": pa.date32(),
}


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
