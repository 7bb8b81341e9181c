"""The leading columns of what a statement delivers: into their declared types, and past the second evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.sources.convert import declared
from gateway.sources.evaluate import RowCheck
from gateway.sources.table import Table
from gateway.terms.plan import Scan
from gateway.terms.predicate import Predicate
from gateway.terms.streams import Tally


class Cells:
    """Turns the leading columns of what a statement delivers into their declared types."""

    def __init__(self, names: list[str], *, table: Table, dataset: str) -> None:
        self.names = names
        self.table = table
        self._columns = [table.columns[name].column for name in names]
        self._dataset = dataset

    def typed(self, raw: pa.RecordBatch, *, only: Sequence[str] | None = None) -> pa.RecordBatch:
        """`only` these, in that order; a column may repeat."""
        wanted = self.names if only is None else only
        places = [self.names.index(name) for name in wanted]
        arrays = [self._declared(raw, place) for place in places]
        return pa.RecordBatch.from_arrays(arrays, names=list(wanted)) if arrays else raw

    def _declared(self, raw: pa.RecordBatch, place: int) -> pa.Array:
        is_text = self.names[place] in self.table.texts
        return declared(raw.column(place), column=self._columns[place], dataset=self._dataset, is_text=is_text)

    def passing(self, raw: pa.RecordBatch, check: RowCheck, tally: Tally, *, counts: bool = False) -> pa.RecordBatch:
        """The rows that pass a second time; `counts`: each stands for as many as its first figure says.

        Only what the check reads is converted here: a misfit in a row that nobody may see stays unseen.
        """
        if not check.columns:
            return raw
        kept = check.kept(self.typed(raw, only=check.columns))
        if not kept.false_count:
            return raw
        rejected = raw.filter(pc.invert(kept))
        tally.rejected_rows += pc.sum(rejected.column(len(self.names))).as_py() if counts else rejected.num_rows
        return raw.filter(kept)


def given(*predicates: Predicate | None) -> tuple[Predicate, ...]:
    """Those that there are."""
    return tuple(p for p in predicates if p is not None)


def row_schema(scan: Scan) -> pa.Schema:
    """Of the batches that a scan delivers; without columns the rows are still counted."""
    listed = [pa.field(c.name, c.type) for c in scan.columns + scan.aux_columns]
    listed += [pa.field(known.alias, known.type) for known in scan.known]
    return pa.schema(listed or [pa.field("__row", pa.int8())])


def shaped(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch as `row_schema` says; a column may stand there twice."""
    if schema.names == ["__row"]:
        return pa.RecordBatch.from_arrays([pa.array(np.zeros(batch.num_rows, np.int8))], schema=schema)
    return pa.RecordBatch.from_arrays([batch.column(name) for name in schema.names], schema=schema)


def followed_kind(scan: Scan) -> pa.DataType:
    """The type of the column that the scan follows by.

    Raises:
        Integrity: the scan does not carry it.
    """
    kinds = {c.name: c.type for c in scan.columns + scan.aux_columns}
    if scan.follow is None or scan.follow.column not in kinds:
        column = scan.follow.column if scan.follow is not None else ""
        raise Integrity(f"{scan.dataset}: the scan does not carry {column}, which it follows", code="plan")
    return kinds[scan.follow.column]
