"""From raw to released: the only door out of the raw rows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from gateway.errors import Integrity
from gateway.masks.keep import Entries
from gateway.masks.kernel import Beside, Kernel, MaskInputs
from gateway.masks.registry import MASKS, output_type, plain_column, plain_type
from gateway.ports import KeyRing
from gateway.terms.dataset import Column
from gateway.terms.key import KeyScope
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import needs_values
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, Level
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
        Integrity: a column is missing or there twice, or of a type that its mask does not accept, or that it reads
            beside is not of the declared type; a decision at
            the aggregated level (its groups leave by protection only); while reading, a batch or a masked column
            that is not as announced.
        Unavailable: the key store did not answer.
    """
    with contextlib.ExitStack() as unless_built:
        unless_built.callback(raw.close)
        if [column.name for column in columns] != [decision.column for decision in decisions]:
            raise Integrity("the decisions are about other columns than those to release", code="masks.columns")
        masked = tuple(
            prepare(raw.schema, decision, declared=column.type, keys=keys, project=project)
            for column, decision in zip(columns, decisions, strict=True)
        )
        schema = pa.schema([(column.name, column.kind) for column in masked] or [(ROW_COLUMN, pa.int8())])
        if len(set(schema.names)) != len(schema.names):
            raise Integrity("a column is decided on twice", code="masks.columns")
        unless_built.pop_all()
    return ReleasedStream(schema, _released(raw, masked, schema, noted), close=raw.close)


class _Dictionary:
    """The dictionary that was masked last: a source that encodes a column sends one for many batches."""

    def __init__(self) -> None:
        self._raw: pa.Array | None = None
        self._place: object = None
        self._masked: Entries | None = None

    def masked(self, raw: pa.Array, mask: Callable[[pa.Array], pa.Array]) -> Entries:
        """By place in memory, which is held and so is nobody else's meanwhile."""
        place = (raw.type, len(raw), raw.offset, [(b.address, b.size) if b else None for b in raw.buffers()])
        if self._masked is None or self._place != place:
            self._masked = Entries(mask(raw))
            self._raw, self._place = raw, place
        return self._masked


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskedColumn:
    """A column with all that its mask needs."""

    name: str
    position: int | None
    """In the raw schema; None: its mask needs no values, and gets none."""
    mask: str
    kernel: Kernel
    inputs: MaskInputs
    auxiliary: tuple[tuple[str, int, str | None], ...]
    """Of the columns that the mask reads beside its own: role, position in the raw schema, canonical form."""
    kind: pa.DataType
    """Released type."""
    dictionary: _Dictionary = dataclasses.field(default_factory=_Dictionary, repr=False, compare=False)

    def release(self, batch: pa.RecordBatch) -> pa.Array:
        """A raw batch's column, masked."""
        try:
            values = pa.nulls(batch.num_rows, self.kind) if self.position is None else batch.column(self.position)
            masked = _through_plain(values, self.kernel, self._inputs_of(batch), self.dictionary)
        except (pa.ArrowException, ValueError):
            # from None: Arrow and Python quote the value
            raise Integrity(f"mask {self.mask} failed on column {self.name}", code="masks.kernel") from None
        if masked.type != self.kind or len(masked) != batch.num_rows:
            raise Integrity(f"mask {self.mask} gave column {self.name} another shape", code="masks.kernel")
        return masked

    def _inputs_of(self, batch: pa.RecordBatch) -> MaskInputs:
        if not self.auxiliary:
            return self.inputs
        beside = {
            role: Beside(column=plain_column(batch.column(position)), canon=canon)
            for role, position, canon in self.auxiliary
        }
        return dataclasses.replace(self.inputs, auxiliary=beside)


def prepare(
    schema: pa.Schema, decision: ColumnDecision, *, declared: pa.DataType, keys: KeyRing, project: str
) -> MaskedColumn:
    """A decision's mask with its key, for batches of this schema; errors as apply."""
    name, use = decision.column, decision.mask
    position = _position(schema, name) if needs_values(decision) else None
    if decision.level is Level.AGGREGATED:
        raise Integrity(f"column {name} is decided at the aggregated level", code="masks.level")
    kind = output_type(use, declared if position is None else schema.field(position).type)
    spec, key = MASK_SPECS[use.name], None
    if tuple(beside.role for beside in decision.auxiliary) != spec.auxiliary_with(use.parameters):
        raise Integrity(f"column {name} lacks columns that its mask reads", code="masks.auxiliary")
    if spec.keyed:
        subjects = [beside.domain for beside in decision.auxiliary if beside.role == "subject"]
        domain = decision.domain if spec.keyed_by == "domain" else next(iter(subjects), None)
        if domain is None:
            raise Integrity(f"column {name} has a keyed mask and no domain", code="masks.domain")
        key = keys.derive(KeyScope(project=project, domain=domain, mask=use.name))
    return MaskedColumn(
        name=name,
        position=position,
        mask=use.name,
        kernel=MASKS[use.name],
        inputs=MaskInputs(key=key, canon=decision.canon, parameters=use.parameters),
        auxiliary=tuple(
            (beside.role, _position_beside(schema, beside, of=name), beside.canon) for beside in decision.auxiliary
        ),
        kind=kind,
    )


def _position(schema: pa.Schema, name: str) -> int:
    positions: list[int] = schema.get_all_field_indices(name)
    if len(positions) != 1:
        raise Integrity(f"the source delivers {len(positions)} columns named {name}", code="masks.columns")
    return positions[0]


def _position_beside(schema: pa.Schema, beside: AuxiliaryColumn, *, of: str) -> int:
    """A column of another type would have other canonical forms: its subjects would be drawn anew."""
    position = _position(schema, beside.column)
    if plain_type(schema.field(position).type) != beside.type:
        raise Integrity(
            f"column {beside.column} is not of the type that the mask of {of} reads", code="masks.auxiliary"
        )
    return position


def _released(
    raw: RawStream, columns: tuple[MaskedColumn, ...], schema: pa.Schema, noted: Callable[[pa.RecordBatch], None]
) -> Iterator[pa.RecordBatch]:
    for batch in raw:
        if not batch.schema.equals(raw.schema):
            raise Integrity("the source changed its columns while reading", code="masks.columns")
        noted(batch)
        released = [column.release(batch) for column in columns] or [pa.array(np.ones(batch.num_rows, np.int8))]
        yield pa.RecordBatch.from_arrays(released, schema=schema)


def _through_plain(column: pa.Array, kernel: Kernel, inputs: MaskInputs, dictionary: _Dictionary) -> pa.Array:
    """Mask a column of any encoding as a plain one.

    A dictionary's entries are masked once each and then put in the rows' places: what no row uses is gone, and
    entries that became equal are not told apart by their index.
    """
    if not pa.types.is_dictionary(column.type) or pa.types.is_dictionary(column.type.value_type):
        return kernel(plain_column(column), inputs)
    if len(column.dictionary) > len(column) or inputs.auxiliary:  # what stands beside belongs to rows, not to entries
        return kernel(plain_column(column), inputs)
    entries = dictionary.masked(column.dictionary, lambda raw: kernel(plain_column(raw), inputs))
    return entries.at(column.indices)
