"""The one shape that every mask has."""

from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from gateway.detector_ports import Detector
from gateway.errors import Integrity
from gateway.terms.key import Key
from gateway.terms.mask_spec import Parameter
from gateway.terms.recognition import NameList


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A column that a mask reads beside its own; nothing of it may leave."""

    column: pa.Array
    """As long as the masked column, of a plain type."""
    canon: str | None = None
    """Canonical form of its domain; None means `exact`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of each row's own subject in one role, to be looked for in a text; nothing of it may leave."""

    values: pa.Array
    """As long as the masked column: string, null where nothing is known."""
    pseudonyms: pa.Array | None
    """What stands for it in the masked tables, as string; None: it has no pseudonym."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskInputs:
    """What a mask knows besides the column: the same for all batches of a stream, but for `auxiliary` and `known`."""

    key: Key | None = None
    """Derived for (project, domain, mask); None for masks that are not keyed."""
    canon: str | None = None
    """Name in CANONS; None means `exact`."""
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    """As MaskSpec.parameters declares them, all of them: those of a MaskUse."""
    auxiliary: Mapping[str, Beside] = dataclasses.field(default_factory=dict)
    """Further columns of the same batch, by the roles of MaskSpec.auxiliary."""
    detector: Detector | None = None
    """Looks for personal data in texts."""
    names: NameList | None = None
    """Parts of the names of all subjects that a text may be about; None: not known."""
    known: Mapping[str, Known] = dataclasses.field(default_factory=dict)
    """Of the rows' own subjects, by the roles of the catalog's `about:`."""

    def whole(self, name: str) -> int:
        """A parameter that is a whole number."""
        value = self.parameters.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _lacking(name)
        return value

    def number(self, name: str) -> decimal.Decimal:
        """A parameter that is a decimal number."""
        value = self.parameters.get(name)
        if not isinstance(value, decimal.Decimal):
            raise _lacking(name)
        return value

    def text(self, name: str) -> str:
        """A parameter that is a word or a text."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            raise _lacking(name)
        return value

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        value = self.parameters.get(name)
        if not isinstance(value, bool):
            raise _lacking(name)
        return value

    def listed(self, name: str) -> tuple[decimal.Decimal, ...]:
        """A parameter that is a list of numbers."""
        value = self.parameters.get(name)
        numbers = value if isinstance(value, tuple) else ()
        known = tuple(number for number in numbers if isinstance(number, decimal.Decimal))
        if not known or len(known) != len(numbers):
            raise _lacking(name)
        return known

    def table(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """A parameter that is a table: value to what stands for it, from the finest level to the coarsest."""
        value = self.parameters.get(name)
        rows = value if isinstance(value, tuple) else ()
        known = {row[0]: row[1] for row in rows if isinstance(row, tuple)}
        if not known or len(known) != len(rows):
            raise _lacking(name)
        return known

    def beside(self, role: str) -> Beside:
        """The further column of a role."""
        beside = self.auxiliary.get(role)
        if beside is None:
            raise Integrity(f"the mask needs the column of role {role}", code="masks.auxiliary")
        return beside


class Kernel(Protocol):
    """One mask over one batch's column. Pure, and safe to call from several threads at once."""

    def __call__(self, column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
        """The masked column: as many rows, of `output_type`, with nothing hidden in its buffers.

        Args:
            column: of a plain type (neither dictionary nor view) that the mask accepts; may be a slice.
            inputs: key, canonical form, parameters, further columns.

        Raises:
            Integrity: an input that policy lint should have refused, or a value without the mask's format where
                the policy asks for an error (`on_bad: error`).
        """


def _lacking(name: str) -> Integrity:
    return Integrity(f"the mask needs its parameter {name}", code="masks.parameters")
