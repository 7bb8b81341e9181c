"""The mask of free texts."""

from __future__ import annotations

from gateway.terms.mask_spec.parameters import Flag
from gateway.terms.mask_spec.spec import MaskSpec

TEXTS: tuple[MaskSpec, ...] = (
    MaskSpec(
        name="text",
        does="The text, with labels in the place of the personal data found in it: `[PERSON ` and the pseudonym of the"
        " row's own subject, where it stands in full, else `[PERSON 1]`, counted in each text.",
        accepts=frozenset({"string"}),
        parameters={
            "strict": Flag(
                means="remove capitalised words too that neither rules nor the language's model explain",
                default=True,
            )
        },
        output="same",
        keyed=False,  # its own part is not; each pseudonym in it is made by its column's own mask and key
        auxiliary=("subject",),
        # What was found nowhere stays: a text without personal data is itself.
        leaks=frozenset({"null", "equality", "frequency", "order", "length", "format", "part"}),
    ),
)
