"""What is known of a row's own subject, and by what name the masked tables call it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from gateway.masks.kernel import Kernel, Known, MaskInputs
from gateway.masks.registry import MASKS, output_type
from gateway.masks.text.text import texts_of
from gateway.terms.key import Key
from gateway.terms.mask_spec import MASK_SPECS, NAMING, MaskUse
from gateway.terms.policy import ColumnDecision


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The mask of a known value's own column, over a column of the same batch."""

    position: int
    """In the raw schema; of the role `name` the subject's column, since that is what names a person in the tables."""
    kernel: Kernel
    inputs: MaskInputs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KnownBeside:
    """One role, for batches of one schema."""

    role: str
    position: int
    """Of the values, in the raw schema."""
    twin: Twin | None

    def of(self, plain: Callable[[int], pa.Array]) -> Known:
        """Values and pseudonyms of a batch's rows; `plain` gives its column at a position, without encoding."""
        twin = self.twin
        return Known(
            values=as_text(plain(self.position)),
            pseudonyms=as_text(twin.kernel(plain(twin.position), twin.inputs)) if twin else None,
        )


def known_beside(
    decision: ColumnDecision, *, place: Callable[[str, pa.DataType], int], derive: Callable[[str, str], Key]
) -> tuple[KnownBeside, ...]:
    """What a text's mask is given beside it.

    Args:
        decision: of the text.
        place: gives the position of a column of this name and type.
        derive: gives the key of a domain and mask.

    Raises:
        Integrity: a column is not there, or not of its type; a mask does not take it.
    """
    subject = next((beside for beside in decision.auxiliary if beside.role == "subject"), None)
    roles = []
    for known in decision.known:
        source: _Source | None = _Source(known.alias, known.type, known.domain, known.canon)
        if known.role == "name":  # a name stands for the person, whom the tables call by the subject's pseudonym
            source = _Source(subject.column, subject.type, subject.domain, subject.canon) if subject else None
        twin = _twin(known.mask, source, place=place, derive=derive) if source else None
        roles.append(KnownBeside(role=known.role, position=place(known.alias, known.type), twin=twin))
    return tuple(roles)


class _Source(NamedTuple):
    """The column that a pseudonym is made of."""

    column: str
    type: pa.DataType
    domain: str | None
    canon: str | None


def _twin(
    use: MaskUse | None, source: _Source, *, place: Callable[[str, pa.DataType], int], derive: Callable[[str, str], Key]
) -> Twin | None:
    """None: its mask has no result that may stand in a text, or is not made of this value alone."""
    if use is None or use.name not in NAMING or MASK_SPECS[use.name].auxiliary_with(use.parameters):
        return None
    if source.domain is None or pa.types.is_binary(output_type(use, source.type)):
        return None
    # A value without its mask's format has no pseudonym here; in its own column it may be an error.
    parameters = {**use.parameters, "on_bad": "null"} if "on_bad" in use.parameters else use.parameters
    return Twin(
        position=place(source.column, source.type),
        kernel=MASKS[use.name],
        inputs=MaskInputs(key=derive(source.domain, use.name), canon=source.canon, parameters=parameters),
    )


def as_text(column: pa.Array) -> pa.Array:
    """Values as one writes them: days as 2020-01-31, numbers in digits. What has no such form is null."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        values, _ = texts_of(column)
        return pa.array(values, pa.string())
    return column.cast(pa.string())
