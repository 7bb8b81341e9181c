"""Reads `{name: bucket, step: 5000}` into a MaskUse. The catalog reads it of columns, the policy of domains."""

from __future__ import annotations

import pyarrow as pa

from gateway.terms.document import Node
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Parameter, family_of


def read_mask(node: Node) -> MaskUse:
    """The mask that a policy names, with exactly the parameters that its specification lists.

    Whether it fits a column is another question: `accepts`.

    Raises:
        Invalid: unknown mask, a parameter is missing, unknown or of another type; the text names what is allowed.
    """
    name = node.mapping(required=frozenset({"name"}))["name"]
    spec = MASK_SPECS.get(name.text())
    if spec is None:
        raise name.fail(f"unknown mask {name.text()!r}; masks are: {', '.join(sorted(MASK_SPECS))}")
    fields = node.mapping(required=frozenset({"name"}) | spec.parameters.keys(), optional=frozenset())
    parameters = {key: _read_parameter(fields[key], kind) for key, kind in spec.parameters.items()}
    return MaskUse(name=spec.name, parameters=parameters)


def accepts(use: MaskUse, kind: pa.DataType) -> bool:
    """Whether the mask takes columns of this type."""
    return family_of(kind) in MASK_SPECS[use.name].accepts


def _read_parameter(node: Node, kind: type[int] | type[str] | frozenset[str]) -> Parameter:
    if kind is int:
        # bool is an int to Python: `step: true` would be a bucket of 1.
        if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 1:
            raise node.fail("a whole number from 1 is needed here")
        return node.value
    word = node.text()
    if isinstance(kind, frozenset) and word not in kind:
        raise node.fail(f"{word!r} is not offered; allowed: {', '.join(sorted(kind))}")
    return word
