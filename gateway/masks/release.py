"""From raw to released: the only door out of the raw rows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from gateway.detector_ports import Detector
from gateway.errors import Integrity
from gateway.masks.keep import Entries
from gateway.masks.kernel import Beside, Kernel, MaskInputs
from gateway.masks.registry import MASKS, output_type, plain_column, plain_type
from gateway.masks.residual import ResidualScan, residual_scan
from gateway.masks.text.known import KnownBeside, known_beside
from gateway.ports import KeyRing
from gateway.terms.dataset import Column
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import needs_values
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.recognition import NameList
from gateway.terms.streams import RawStream, ReleasedStream

ROW_COLUMN = "__row"
"""Released when a query needs no column, so that it can still count rows: int8, always 1."""


TEXT_ROWS: Final = 16_384
"""Rows that are released at a time where texts are masked, at some thousand a second with a language model."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What looks into texts while a dataset is released."""

    detector: Detector | None = None
    """For the mask `text`; None: there are no such columns."""
    names: NameList | None = None
    """Parts of the names of all subjects that the texts may be about."""
    scan_rate: float = 1.0
    """Share of the rows that the residual scan looks at, 0 to 1."""


_USUAL: Final = Inspection()


def apply(  # noqa: PLR0913 - each is a fact of the one scan
    raw: RawStream,
    decisions: tuple[ColumnDecision, ...],
    *,
    columns: tuple[Column, ...],
    keys: KeyRing,
    project: str,
    noted: Callable[[pa.RecordBatch], None] = lambda _: None,
    inspection: Inspection = _USUAL,
) -> ReleasedStream:
    """Release the decisions' columns, in their order, each through its mask; drop every other column.

    A column whose mask needs no values is released as its declared type says, whether the source delivers it or not.

    Lazy: keys are derived now, once for the stream; the first row is read at the first `next`. Closing the released
    stream closes the raw one; so does an error here.

    Args:
        columns: one for each decision, in the same order.
        noted: is given each raw batch that is about to be released.
        inspection: what looks into texts. The residual scan looks at what the masks gave, batch by batch, before it is
            handed on.

    Raises:
        Integrity: a finding of the residual scan (`integrity.masks.residual`); a text to mask and no
            detector; a column is missing or there twice, or of a type that its mask does not accept, or that it reads
            beside is not of the declared type; a decision at
            the aggregated level (its groups leave by protection only); while reading, a batch or a masked column
            that is not as announced.
        Unavailable: the key store or the detector did not answer.
    """
    with contextlib.ExitStack() as unless_built:
        unless_built.callback(raw.close)
        if [column.name for column in columns] != [decision.column for decision in decisions]:
            raise Integrity("the decisions are about other columns than those to release", code="masks.columns")
        masked = tuple(
            prepare(raw.schema, decision, declared=column.type, keys=keys, project=project, inspection=inspection)
            for column, decision in zip(columns, decisions, strict=True)
        )
        scans = tuple(
            residual_scan(decision, kind=column.kind, rate=inspection.scan_rate)
            for column, decision in zip(masked, decisions, strict=True)
        )
        schema = pa.schema([(column.name, column.kind) for column in masked] or [(ROW_COLUMN, pa.int8())])
        if len(set(schema.names)) != len(schema.names):
            raise Integrity("a column is decided on twice", code="masks.columns")
        unless_built.pop_all()
    columns_with_scans = tuple(zip(masked, scans, strict=True))
    return ReleasedStream(schema, _released(raw, columns_with_scans, schema, noted), close=raw.close)


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
    known: tuple[KnownBeside, ...]
    """What is looked for in a text."""
    kind: pa.DataType
    """Released type."""
    dictionary: _Dictionary = dataclasses.field(default_factory=_Dictionary, repr=False, compare=False)

    def release(self, batch: pa.RecordBatch, residual: ResidualScan | None = None) -> pa.Array:
        """A raw batch's column, masked, and looked at by the residual scan before it is handed on."""
        try:
            values = pa.nulls(batch.num_rows, self.kind) if self.position is None else batch.column(self.position)
            inputs = self._inputs_of(batch)
            masked = _through_plain(values, self.kernel, inputs, self.dictionary)
        except (pa.ArrowException, ValueError):
            # from None: Arrow and Python quote the value
            raise Integrity(f"mask {self.mask} failed on column {self.name}", code="masks.kernel") from None
        if masked.type != self.kind or len(masked) != batch.num_rows:
            raise Integrity(f"mask {self.mask} gave column {self.name} another shape", code="masks.kernel")
        if residual:
            residual.look(masked, known=inputs.known)
        return masked

    def _inputs_of(self, batch: pa.RecordBatch) -> MaskInputs:
        if not self.auxiliary and not self.known:
            return self.inputs
        beside = {
            role: Beside(column=plain_column(batch.column(position)), canon=canon)
            for role, position, canon in self.auxiliary
        }
        known = {each.role: each.of(lambda place: plain_column(batch.column(place))) for each in self.known}
        return dataclasses.replace(self.inputs, auxiliary=beside, known=known)


def prepare(
    schema: pa.Schema,
    decision: ColumnDecision,
    *,
    declared: pa.DataType,
    keys: KeyRing,
    project: str,
    inspection: Inspection = _USUAL,
) -> MaskedColumn:
    """A decision's mask with its key, for batches of this schema; errors as apply."""
    name, use = decision.column, decision.mask
    position = _position(schema, name) if needs_values(decision) else None
    if decision.level is Level.AGGREGATED:
        raise Integrity(f"column {name} is decided at the aggregated level", code="masks.level")
    kind = output_type(use, declared if position is None else schema.field(position).type)
    spec, key = MASK_SPECS[use.name], None
    if use.name == "text" and inspection.detector is None:
        raise Integrity(f"column {name} is a text to mask, and there is no detector", code="masks.detector")

    def place(column: str, type_: pa.DataType) -> int:
        return _position_beside(schema, column, type_, of=name)

    def derive(domain: str, mask: str) -> Key:
        return keys.derive(KeyScope(project=project, domain=domain, mask=mask))

    if tuple(beside.role for beside in decision.auxiliary) != spec.auxiliary_with(use.parameters):
        raise Integrity(f"column {name} lacks columns that its mask reads", code="masks.auxiliary")
    if spec.keyed:
        subjects = [beside.domain for beside in decision.auxiliary if beside.role == "subject"]
        domain = decision.domain if spec.keyed_by == "domain" else next(iter(subjects), None)
        if domain is None:
            raise Integrity(f"column {name} has a keyed mask and no domain", code="masks.domain")
        key = derive(domain, use.name)
    return MaskedColumn(
        name=name,
        position=position,
        mask=use.name,
        kernel=MASKS[use.name],
        inputs=MaskInputs(
            key=key,
            canon=decision.canon,
            parameters=use.parameters,
            detector=inspection.detector,
            names=inspection.names,
        ),
        auxiliary=tuple(
            (beside.role, place(beside.column, beside.type), beside.canon) for beside in decision.auxiliary
        ),
        known=known_beside(decision, place=place, derive=derive),
        kind=kind,
    )


def _position(schema: pa.Schema, name: str) -> int:
    positions: list[int] = schema.get_all_field_indices(name)
    if len(positions) != 1:
        raise Integrity(f"the source delivers {len(positions)} columns named {name}", code="masks.columns")
    return positions[0]


def _position_beside(schema: pa.Schema, column: str, type_: pa.DataType, *, of: str) -> int:
    """A column of another type would have other canonical forms: its subjects would be drawn anew."""
    position = _position(schema, column)
    if plain_type(schema.field(position).type) != type_:
        raise Integrity(f"column {column} is not of the type that the mask of {of} reads", code="masks.auxiliary")
    return position


def _released(
    raw: RawStream,
    columns: tuple[tuple[MaskedColumn, ResidualScan | None], ...],
    schema: pa.Schema,
    noted: Callable[[pa.RecordBatch], None],
) -> Iterator[pa.RecordBatch]:
    rows = TEXT_ROWS if any(column.mask == "text" for column, _ in columns) else None
    for batch in raw:
        if not batch.schema.equals(raw.schema):
            raise Integrity("the source changed its columns while reading", code="masks.columns")
        noted(batch)
        for part in _parts(batch, rows):
            released = [column.release(part, residual) for column, residual in columns]
            yield pa.RecordBatch.from_arrays(released or [pa.array(np.ones(part.num_rows, np.int8))], schema=schema)


def _parts(batch: pa.RecordBatch, rows: int | None) -> Iterator[pa.RecordBatch]:
    """A batch whole, or some rows at a time: what takes a while is handed on as it comes, and can be ended."""
    if rows is None or batch.num_rows <= rows:
        yield batch
        return
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _through_plain(column: pa.Array, kernel: Kernel, inputs: MaskInputs, dictionary: _Dictionary) -> pa.Array:
    """Mask a column of any encoding as a plain one.

    A dictionary's entries are masked once each and then put in the rows' places: what no row uses is gone, and
    entries that became equal are not told apart by their index.
    """
    if not pa.types.is_dictionary(column.type) or pa.types.is_dictionary(column.type.value_type):
        return kernel(plain_column(column), inputs)
    if (
        len(column.dictionary) > len(column) or inputs.auxiliary or inputs.known
    ):  # what stands beside belongs to rows, not to entries
        return kernel(plain_column(column), inputs)
    entries = dictionary.masked(column.dictionary, lambda raw: kernel(plain_column(raw), inputs))
    return entries.at(column.indices)
