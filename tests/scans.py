"""Columns and scans of a table `t`, for tests of sources."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gateway.terms.dataset import Column
from gateway.terms.plan import Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Predicate


def column(name: str, kind: pa.DataType) -> Column:
    return Column(name=name, type=kind, classification="public")


def scan(
    *columns: Column,
    aux: tuple[Column, ...] = (),
    rows: Predicate | None = None,
    follow: Follow | None = None,
    table: Sequence[str] = ("t",),
) -> Scan:
    """As the dataset `core.t`; `aux`: columns that are read beside those that are asked for."""
    return Scan(
        id="__scan_1",
        dataset="core.t",
        source="core",
        table=tuple(table),
        columns=columns,
        aux_columns=aux,
        rows=rows,
        follow=follow,
        pushed=None,
    )
