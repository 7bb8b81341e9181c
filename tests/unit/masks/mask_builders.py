"""Builders for streams and decisions about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from gateway.masks import Inspection, apply
from gateway.masks.registry import plain_type
from gateway.ports import KeyRing
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Parameter, family_of
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, Level, RuleRef
from gateway.terms.streams import RawStream, ReleasedStream
from tests.unit.masks.text_builders import Finds

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "truncate_date": {"unit": "year"},
    "date_shift": {"window_days": 365},
    "bucket": {"step": 1000},
    "round": {"multiple": 1000},
    "top_code": {"low": 100, "high": 1000},
    "keep_first": {"n": 2, "width": 8},
    "keep_last": {"n": 2},
    "generalize": {"table": {"b": ["first", "all"], "c": ["second", "all"]}, "unknown": "other"},
    "hash_bucket": {"buckets": 7},
}
"""Parameters for tests of all masks; those of a mask that is not here have defaults, or depend on the type."""


def options(mask: str, kind: pa.DataType) -> dict[str, Any]:
    """Parameters that fit a column of this type."""
    if mask != "constant":
        return dict(OPTIONS.get(mask, {}))
    values = {"string": "secret", "date": "2020-01-31", "boolean": True}
    return {"value": values.get(family_of(plain_type(kind)) or "", 7)}


class ScopedKeys:
    """A KeyRing whose keys are hashes of their scopes; it notes what was asked for."""

    def __init__(self) -> None:
        self.asked: list[KeyScope] = []

    def derive(self, scope: KeyScope) -> Key:
        self.asked.append(scope)
        return Key(hashlib.sha256(repr(scope).encode()).digest())

    def epoch(self, project: str) -> int:
        return 1


def decide(
    column: str,
    mask: str,
    *,
    level: Level = Level.PSEUDONYMIZED,
    domain: str | None = "customer",
    canon: str | None = None,
    **parameters: Parameter,
) -> ColumnDecision:
    use = MaskUse(name=mask, parameters=parameters)
    roles = MASK_SPECS[mask].auxiliary_with(use.parameters) if mask in MASK_SPECS else ()
    return ColumnDecision(
        dataset="core.customers",
        column=column,
        level=level,
        mask=use,
        domain=domain,
        canon=canon,
        use="value",
        rule=RuleRef(file="levels.yaml", line=1, id="test"),
        auxiliary=tuple(
            AuxiliaryColumn(role=role, column=role, type=pa.int64(), domain="customer", canon="exact") for role in roles
        ),
    )


def raw(columns: dict[str, pa.Array], *, close: Callable[[], None] | None = None) -> RawStream:
    batch = pa.record_batch(columns)
    return RawStream(batch.schema, iter([batch]), close=close)


def applied(
    stream: RawStream, *decisions: ColumnDecision, keys: KeyRing | None = None, project: str = "credit-risk"
) -> ReleasedStream:
    """The stream through the masks, its columns declared as the source delivers them; text if it does not."""
    types = dict(zip(stream.schema.names, stream.schema.types, strict=True))
    columns = tuple(
        Column(name=decision.column, type=types.get(decision.column, pa.string()), classification="public")
        for decision in decisions
    )
    inspection = Inspection(detector=Finds())
    return apply(stream, decisions, columns=columns, keys=keys or ScopedKeys(), project=project, inspection=inspection)


def release(columns: dict[str, pa.Array], *decisions: ColumnDecision, project: str = "credit-risk") -> pa.RecordBatch:
    (batch,) = applied(raw(columns), *decisions, project=project)
    return batch


def released(column: pa.Array, mask: str, **options: object) -> pa.Array:
    """One column through one mask; what it reads beside is the row's number."""
    decision = decide("c", mask, **options)  # type: ignore[arg-type]  # as in decide
    beside = {auxiliary.column: pa.array(range(len(column)), auxiliary.type) for auxiliary in decision.auxiliary}
    return release({"c": column, **beside}, decision).column(0)


def bytes_of(array: pa.Array) -> bytes:
    """All that would leave with the array: its whole buffers, not only the values that it shows."""
    assert array.offset == 0
    return b"".join(buffer.to_pybytes() for buffer in array.buffers() if buffer is not None)
