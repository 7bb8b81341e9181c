"""The one shape that every mask has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from gateway.terms.key import Key
from gateway.terms.mask_spec import Parameter


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskInputs:
    """What a mask knows besides the column; the same for all batches of a stream."""

    key: Key | None = None
    """Derived for (project, domain, mask); None for masks that are not keyed."""
    canon: str | None = None
    """Name in CANONS; None means `exact`."""
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    """As MaskSpec.parameters declares them."""


class Kernel(Protocol):
    """One mask over one batch's column. Pure, and safe to call from several threads at once."""

    def __call__(self, column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
        """The masked column: as many rows, of `output_type`, with nothing hidden in its buffers.

        Args:
            column: of a plain type (neither dictionary nor view) that the mask accepts; may be a slice.
            inputs: key, canonical form, parameters.

        Raises:
            Integrity: an input that policy lint should have refused.
        """
