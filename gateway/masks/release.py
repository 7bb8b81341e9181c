"""From raw to released: the only door out of the raw rows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.keep import keep
from gateway.masks.kernel import Kernel, MaskInputs
from gateway.masks.registry import MASKS, output_type, plain_type
from gateway.ports import KeyRing
from gateway.terms.dataset import Column
from gateway.terms.key import KeyScope
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import needs_values
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.streams import RawStream, ReleasedStream

ROW_COLUMN = "__row"
"""Released when a query needs no column, so that it can still count rows: int8, always 1."""


def apply(
    raw: RawStream,
    decisions: tuple[ColumnDecision, ...],
    *,
    columns: tuple[Column, ...],
    keys: KeyRing,
    project: str,
    noted: Callable[[pa.RecordBatch], None] = lambda _: None,
) -> ReleasedStream:
    """Release the decisions' columns, in their order, each through its mask; drop every other column.

    A column whose mask needs no values is released as its declared type says, whether the source delivers it or not.

    Lazy: keys are derived now, once for the stream; the first row is read at the first `next`. Closing the released
    stream closes the raw one; so does an error here.

    Args:
        columns: one for each decision, in the same order.
        noted: is given each raw batch that is about to be released.

    Raises:
        Integrity: a column is missing or there twice, or of a type that its mask does not accept; a decision at
            the aggregated level (its groups leave by protection only); while reading, a batch or a masked column
            that is not as announced.
        Unavailable: the key store did not answer.
    """
    with contextlib.ExitStack() as unless_built:
        unless_built.callback(raw.close)
        if [column.name for column in columns] != [decision.column for decision in decisions]:
            raise Integrity("the decisions are about other columns than those to release", code="masks.columns")
        masked = tuple(
            _prepare(raw.schema, decision, declared=column.type, keys=keys, project=project)
            for column, decision in zip(columns, decisions, strict=True)
        )
        schema = pa.schema([(column.name, column.kind) for column in masked] or [(ROW_COLUMN, pa.int8())])
        if len(set(schema.names)) != len(schema.names):
            raise Integrity("a column is decided on twice", code="masks.columns")
        unless_built.pop_all()
    return ReleasedStream(schema, _released(raw, masked, schema, noted), close=raw.close)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _MaskedColumn:
    """A column with all that its mask needs."""

    name: str
    position: int | None
    """In the raw schema; None: its mask needs no values, and gets none."""
    mask: str
    kernel: Kernel
    inputs: MaskInputs
    kind: pa.DataType
    """Released type."""

    def release(self, batch: pa.RecordBatch) -> pa.Array:
        try:
            values = pa.nulls(batch.num_rows, self.kind) if self.position is None else batch.column(self.position)
            masked = _through_plain(values, self.kernel, self.inputs)
        except (pa.ArrowException, ValueError):
            # from None: Arrow and Python quote the value
            raise Integrity(f"mask {self.mask} failed on column {self.name}", code="masks.kernel") from None
        if masked.type != self.kind or len(masked) != batch.num_rows:
            raise Integrity(f"mask {self.mask} gave column {self.name} another shape", code="masks.kernel")
        return masked


def _prepare(
    schema: pa.Schema, decision: ColumnDecision, *, declared: pa.DataType, keys: KeyRing, project: str
) -> _MaskedColumn:
    name, use = decision.column, decision.mask
    position = _position(schema, name) if needs_values(decision) else None
    if decision.level is Level.AGGREGATED:
        raise Integrity(f"column {name} is decided at the aggregated level", code="masks.level")
    kind = output_type(use, declared if position is None else schema.field(position).type)
    key = None
    if MASK_SPECS[use.name].keyed:
        if decision.domain is None:
            raise Integrity(f"column {name} has a keyed mask and no domain", code="masks.domain")
        key = keys.derive(KeyScope(project=project, domain=decision.domain, mask=use.name))
    return _MaskedColumn(
        name=name,
        position=position,
        mask=use.name,
        kernel=MASKS[use.name],
        inputs=MaskInputs(key=key, canon=decision.canon, parameters=use.parameters),
        kind=kind,
    )


def _position(schema: pa.Schema, name: str) -> int:
    positions: list[int] = schema.get_all_field_indices(name)
    if len(positions) != 1:
        raise Integrity(f"the source delivers {len(positions)} columns named {name}", code="masks.columns")
    return positions[0]


def _released(
    raw: RawStream, columns: tuple[_MaskedColumn, ...], schema: pa.Schema, noted: Callable[[pa.RecordBatch], None]
) -> Iterator[pa.RecordBatch]:
    for batch in raw:
        if not batch.schema.equals(raw.schema):
            raise Integrity("the source changed its columns while reading", code="masks.columns")
        noted(batch)
        released = [column.release(batch) for column in columns] or [pa.array(np.ones(batch.num_rows, np.int8))]
        yield pa.RecordBatch.from_arrays(released, schema=schema)


def _through_plain(column: pa.Array, kernel: Kernel, inputs: MaskInputs) -> pa.Array:
    """Mask a column of any encoding as a plain one.

    A dictionary's entries are masked once each and then put in the rows' places: what no row uses is gone, and
    entries that became equal are not told apart by their index.
    """
    if not pa.types.is_dictionary(column.type):
        plain = plain_type(column.type)
        return kernel(column if plain == column.type else column.cast(plain), inputs)
    if len(column.dictionary) > len(column):
        return _through_plain(column.dictionary_decode(), kernel, inputs)
    entries = _through_plain(column.dictionary, kernel, inputs)
    return keep(entries.take(column.indices), MaskInputs())
