"""Watching the rooms while one question is answered: what was released, and what the source was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from gateway import serving
from gateway.sources import render
from gateway.terms.policy import ColumnDecision
from gateway.terms.streams import RawStream, ReleasedStream


class Seen:
    """What the rooms exchanged during one question."""

    def __init__(self) -> None:
        self.released: list[str] = []
        self.statements: list[str] = []
        self.pairs: list[tuple[str, object, str]] = []
        """Domain, raw identifier and pseudonym, as they went through the masks; kept without the shim only."""


@contextlib.contextmanager
def watched(seen: Seen, *, back: Mapping[str, Mapping[Any, Any]] | None, paired: bool) -> Iterator[None]:
    """Note what the rooms exchange.

    Args:
        back: identifiers are mapped back by it before they are masked; None: they are left as they are.
        paired: note raw identifiers beside their pseudonyms.
    """
    with pytest.MonkeyPatch.context() as patch:
        real_apply, real_release = serving.masks.apply, serving.protection.release

        def apply(raw: RawStream, decisions: tuple[ColumnDecision, ...], **more: Any) -> ReleasedStream:
            if paired:
                return _paired(raw, decisions, lambda each: real_apply(each, decisions, **more), seen)
            if back is not None:
                raw = _shim(raw, decisions, back)
            return _noted(real_apply(raw, decisions, **more), seen)

        def release(raw: RawStream, *given: Any, **more: Any) -> ReleasedStream:
            return _noted(real_release(raw, *given, **more), seen)

        def written(real: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*given: Any, **more: Any) -> Any:
                statement = real(*given, **more)
                seen.statements.append(repr(statement))
                return statement

            return noted

        patch.setattr(serving.masks, "apply", apply)
        patch.setattr(serving.protection, "release", release)
        for name in ("rows", "groups", "parts", "newest"):
            patch.setattr(render, name, written(getattr(render, name)))
        yield


def _noted(stream: ReleasedStream, seen: Seen) -> ReleasedStream:
    """NOTE: rows are compared as a multiset; the child brings them into an order of its own (T7)."""

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            seen.released.extend(map(repr, batch.to_pylist()))
            yield batch

    return ReleasedStream(stream.schema, batches(), close=stream.close)


def _paired(
    raw: RawStream,
    decisions: tuple[ColumnDecision, ...],
    masked: Callable[[RawStream], ReleasedStream],
    seen: Seen,
) -> ReleasedStream:
    """Masked, with each identifier noted beside its pseudonym."""
    read: list[pa.RecordBatch] = []
    domains = {d.column: d.domain or "" for d in decisions if d.mask.name == "pseudonym"}

    def watched_rows() -> Iterator[pa.RecordBatch]:
        for batch in raw:
            read.append(batch)
            yield batch

    stream = masked(RawStream(raw.schema, watched_rows(), close=raw.close))

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            for name, domain in domains.items():
                cells = zip(read[-1].column(name).to_pylist(), batch.column(name).to_pylist(), strict=True)
                seen.pairs.extend((domain, value, made) for value, made in cells if value is not None)
            yield batch

    return ReleasedStream(stream.schema, batches(), close=stream.close)


def _shim(raw: RawStream, decisions: tuple[ColumnDecision, ...], back: Mapping[str, Mapping[Any, Any]]) -> RawStream:
    moved = {d.column: back[d.domain or ""] for d in decisions if d.mask.name == "pseudonym"}

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in raw:
            columns = [
                pa.array([moved[name].get(v) for v in column.to_pylist()], column.type) if name in moved else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    return RawStream(raw.schema, batches(), close=raw.close)
