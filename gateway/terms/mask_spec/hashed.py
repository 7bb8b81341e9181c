"""Masks that sort identifiers into groups by a keyed hash."""

from __future__ import annotations

from gateway.terms.mask_spec.parameters import Whole
from gateway.terms.mask_spec.spec import MaskSpec

HASHED: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="hash_bucket",
        does="The number of the bucket, from 0, that a keyed hash puts an identifier into: for splits and samples.",
        accepts=frozenset({"string", "integer", "decimal", "date", "timestamp", "binary"}),
        parameters={"buckets": Whole(means="how many there are", minimum=2, maximum=1_000_000)},
        output="int64",
        keyed=True,
        leaks=frozenset({"null", "equality", "frequency"}),
    ),
)
