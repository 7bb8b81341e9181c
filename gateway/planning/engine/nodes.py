"""What is asked of a tree so often that sqlglot's own ways were a fourth of the time to plan."""

from __future__ import annotations

import functools

from sqlglot import exp


def nodes_of(tree: exp.Expr) -> list[exp.Expr]:
    """All nodes, level by level."""
    nodes = [tree]
    for node in nodes:
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [item for item in value if isinstance(item, exp.Expr)]
    return nodes


def kind_of(node: exp.Expr) -> exp.DType:
    """The annotated type, without its parameters."""
    return node.type.this if node.type is not None else exp.DType.UNKNOWN


@functools.cache
def data_type(name: str) -> exp.DataType:
    """The engine's type of this name; there are few."""
    return exp.DataType.build(name, dialect="duckdb")
