"""Tables, samples and verdicts for tests of the scan, written down by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from gateway.catalog.sampling import TableFacts, read_sample
from gateway.catalog.scanning import Beside
from gateway.terms.dataset import Classification, Datasets
from gateway.terms.recognition import ColumnVerdict, Evidence
from gateway.terms.source_schema import ForeignKey, SchemaColumn, SchemaTable, SourceSchema
from gateway.terms.streams import RawStream

SECRET = bytes(range(32))


def verdict(
    column: str, class_: Classification, kind: str, *, confidence: float = 0.95, is_dimension: bool = False
) -> ColumnVerdict:
    return ColumnVerdict(
        column=column,
        classification=class_,
        kind=kind,
        confidence=confidence,
        evidence=(Evidence(rule=f"name:{kind}"),),
        is_dimension=is_dimension,
    )


def direct(column: str, kind: str, **more: Any) -> ColumnVerdict:
    return verdict(column, "direct_identifier", kind, **more)


def table(
    name: str,
    columns: Mapping[str, pa.Array],
    *,
    key: str = "",
    references: Mapping[str, str] | None = None,
    rows: int | None = None,
) -> SchemaTable:
    """`references`: column → `table.column`."""
    parts = tuple(name.split("."))
    return SchemaTable(
        name=parts,
        kind="table",
        columns=tuple(SchemaColumn(name=c, spelled=str(v.type), type=v.type) for c, v in columns.items()),
        primary_key=(key,) if key else (),
        foreign_keys=tuple(
            ForeignKey(columns=(here,), table=tuple(there.split(".")[:-1]), references=(there.split(".")[-1],))
            for here, there in (references or {}).items()
        ),
        row_estimate=rows,
    )


def facts(
    name: str,
    columns: Mapping[str, pa.Array],
    verdicts: Sequence[ColumnVerdict],
    *,
    dialect: str = "postgres",
    **more: Any,
) -> TableFacts:
    made = table(name, columns, **more)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    with RawStream(batch.schema, iter([batch])) as stream:
        return read_sample(made, stream, dialect=dialect, secret=SECRET).judged(verdicts)


def beside(tables: Sequence[TableFacts], *, datasets: Datasets | None = None, **canons: str) -> Beside:
    schema = SourceSchema(
        source="core",
        dialect="postgres",
        tables=tuple(known.table for known in tables),
        default_schema="public" if any(len(known.table.name) > 1 for known in tables) else "",
    )
    return Beside(schema=schema, datasets=datasets or {}, canons={re.sub("_", "-", k): v for k, v in canons.items()})


def ids(first: int, count: int, step: int = 1) -> pa.Array:
    return pa.array(range(first, first + count * step, step), pa.int64())


def texts(pattern: str, count: int) -> pa.Array:
    return pa.array([pattern.format(number) for number in range(count)])


def customers(
    *, name: str = "customers", key: str = "customer_id", count: int = 200, first: int = 70_000
) -> TableFacts:
    return facts(
        name,
        {key: ids(first, count, 37), "full_name": texts("Person {}", count), "email": texts("p{}@x.example", count)},
        [direct(key, "customer"), direct("full_name", "person"), direct("email", "email")],
        key=key,
        rows=count,
    )
