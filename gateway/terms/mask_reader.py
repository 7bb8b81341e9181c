"""Reads `{name: bucket, step: 5000}` into a MaskUse. The catalog reads it of columns, the policy of domains."""

from __future__ import annotations

import pyarrow as pa

from gateway.terms.document import Node
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Misfit, family_of, fit_parameters


def read_mask(node: Node) -> MaskUse:
    """The mask that a policy names, with its parameters.

    Whether it fits a column is another question: `misfit_of`.

    Raises:
        Invalid: unknown mask; a parameter is missing, unknown, or of a value that is not offered; parameters that do
            not go together. The text points at the line and names the parameter and what is allowed.
    """
    fields = node.mapping(required=frozenset({"name"}))
    name = fields["name"]
    spec = MASK_SPECS.get(name.text())
    if spec is None:
        raise name.fail(f"unknown mask {name.text()!r}; masks are: {', '.join(sorted(MASK_SPECS))}")
    node.mapping(required=frozenset({"name"}) | _required(spec.name), optional=frozenset(spec.parameters))
    stated = {key: value.plain() for key, value in fields.items() if key != "name"}
    for key, value in stated.items():  # each alone first, so that the text points at its own line
        try:
            spec.parameters[key].fit(value)
        except Misfit as misfit:
            raise fields[key].fail(f"{key} of mask {spec.name}: {misfit}") from None
    try:
        return MaskUse(name=spec.name, parameters=fit_parameters(spec, stated))
    except Misfit as misfit:
        raise node.fail(str(misfit)) from None


def misfit_of(use: MaskUse, kind: pa.DataType, *, stated: str = "") -> str | None:
    """Why the mask does not take columns of this type; None: it does. `stated`: where the mask stands."""
    spec = MASK_SPECS[use.name]
    name = f"{use.name} ({stated})" if stated else use.name
    if family_of(kind) not in spec.accepts:
        return f"mask {name} does not take {kind}"
    wrong = spec.misfit(use.parameters, kind)
    return f"mask {name} does not fit {kind}: {wrong}" if wrong else None


def _required(name: str) -> frozenset[str]:
    return frozenset(key for key, kind in MASK_SPECS[name].parameters.items() if kind.default is None)
