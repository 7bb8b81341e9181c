"""SQL trees, walked and copied so often that sqlglot's own ways were a fourth of the time to plan."""

from __future__ import annotations

from typing import TypeVar

from sqlglot import exp

_Tree = TypeVar("_Tree", bound=exp.Expr)


def nodes_of(tree: exp.Expr) -> list[exp.Expr]:
    """All nodes, level by level."""
    nodes = [tree]
    for node in nodes:
        add_children(node, nodes)
    return nodes


def add_children(node: exp.Expr, nodes: list[exp.Expr]) -> None:
    """The nodes right below it."""
    for value in node.args.values():
        if isinstance(value, exp.Expr):
            nodes.append(value)
        elif isinstance(value, list):
            nodes += [item for item in value if isinstance(item, exp.Expr)]


def copy_of(tree: _Tree) -> _Tree:
    """A deep copy; several times as fast as sqlglot's own, which looks for a hash to forget at each node."""
    root = _alike(tree)
    pending: list[tuple[exp.Expr, exp.Expr]] = [(tree, root)]
    while pending:
        node, copy = pending.pop()
        for key, value in node.args.items():
            if isinstance(value, exp.Expr):
                copy.args[key] = part = _alike(value)
                part.parent, part.arg_key = copy, key
                pending.append((value, part))
            elif isinstance(value, list):
                copy.args[key] = [_item(item, copy, key, index, pending) for index, item in enumerate(value)]
            else:
                copy.args[key] = value
    return root


def _item(item: object, copy: exp.Expr, key: str, index: int, pending: list[tuple[exp.Expr, exp.Expr]]) -> object:
    if not isinstance(item, exp.Expr):
        return item
    part = _alike(item)
    part.parent, part.arg_key, part.index = copy, key, index
    pending.append((item, part))
    return part


def _alike(node: _Tree) -> _Tree:
    """The node without anything below it."""
    found = node.__class__()
    if node.comments:
        found.comments = list(node.comments)
    if node._meta:
        found._meta = dict(node._meta)
    if node._type is not None:
        found._type = node._type.copy()
    return found
