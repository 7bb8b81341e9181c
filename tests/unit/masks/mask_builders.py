"""Builders for streams and decisions about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pyarrow as pa

from gateway.masks import apply
from gateway.ports import KeyRing
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MaskUse, Parameter
from gateway.terms.policy import ColumnDecision, Level, RuleRef
from gateway.terms.streams import RawStream, ReleasedStream


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
    return ColumnDecision(
        dataset="core.customers",
        column=column,
        level=level,
        mask=MaskUse(name=mask, parameters=parameters),
        domain=domain,
        canon=canon,
        use="value",
        rule=RuleRef(file="levels.yaml", line=1, id="test"),
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
    return apply(stream, decisions, columns=columns, keys=keys or ScopedKeys(), project=project)


def release(columns: dict[str, pa.Array], *decisions: ColumnDecision, project: str = "credit-risk") -> pa.RecordBatch:
    (batch,) = applied(raw(columns), *decisions, project=project)
    return batch


def released(column: pa.Array, mask: str, **options: object) -> pa.Array:
    """One column through one mask."""
    return release({"c": column}, decide("c", mask, **options)).column(0)  # type: ignore[arg-type]  # as in decide


def bytes_of(array: pa.Array) -> bytes:
    """All that would leave with the array: its whole buffers, not only the values that it shows."""
    assert array.offset == 0
    return b"".join(buffer.to_pybytes() for buffer in array.buffers() if buffer is not None)
