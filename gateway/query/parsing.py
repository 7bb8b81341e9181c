"""From a text to a checked query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from gateway.errors import Invalid, Unsupported
from gateway.query import grammar
from gateway.query.limits import QueryLimits, check_text, check_tree, too_large
from gateway.query.parameters import IS_PARAMETER, check_parameters, fill
from gateway.query.postgres import compare_by_column, escape_patterns
from gateway.query.reader import POSTGRES, read
from gateway.terms.query import Query
from gateway.terms.request import Parameters
from gateway.trees import copy_of, nodes_of

_FOLD_QUOTED: Final = frozenset({"duckdb", "mysql", "sqlite", "bigquery", "tsql"})
"""Dialects in which a quoted name is not case-sensitive either."""
_CATALOGED: Final = re.compile(r"[a-z_][a-z0-9_]{0,127}")
"""What names of datasets, columns and unquoted aliases look like, once folded."""


def parse(sql: str, *, dialect: str, limits: QueryLimits, parameters: Parameters = ()) -> Query:
    """Read one SELECT.

    Names are folded to lower case as the dialect does (Snowflake's too: catalogs are lower case).
    A name of one part must be a CTE's; datasets are `source.dataset`. Whether they exist is bind's question.

    Args:
        parameters: values of `$1`, `$2` … or of `:name`; counted like literals, and in no shape.

    Raises:
        Invalid: `size`, `syntax`, `dialect`, `name`, `parameter`, or `dataset` for a name that cannot be a dataset's.
        Unsupported: a statement, construct, function or type that is not offered.
    """
    check_text(sql, limits=limits)
    check_parameters(parameters, sql=sql, limits=limits)
    tree = read(sql, dialect=dialect, limits=limits)
    nodes = nodes_of(tree)
    fill(nodes, parameters)
    if compare_by_column(nodes):
        nodes = nodes_of(tree)
    _balance(nodes)
    nodes = check_tree(tree, limits=limits)
    grammar.check(nodes)
    tree = tree.unnest() if isinstance(tree, exp.Subquery) and not _has_modifiers(tree) else tree
    if not isinstance(tree, exp.Query) or not tree.selects:
        raise Unsupported("only SELECT is offered", code="statement", fix="write SELECT … FROM …")
    if len(tree.selects) > limits.max_output_columns:
        raise too_large("columns", limits.max_output_columns)
    _fold(nodes, quoted_too=dialect in _FOLD_QUOTED)
    mentions = tuple(_datasets(nodes))
    if len(mentions) > limits.max_scans:
        raise too_large("datasets", limits.max_scans)
    shape = shape_of(tree)
    escape_patterns(nodes)
    return Query(dialect=dialect, tree=tree, names=tuple(dict.fromkeys(mentions)), shape=shape)


def unknown_dataset(name: str) -> Invalid:
    """One error for what does not exist, what the asker cannot discover and what is no dataset's name."""
    shown = ".".join(part for part in name.split(".") if grammar.plain(part))
    return Invalid(
        f"unknown dataset: {shown}" if shown == name else "unknown dataset",
        code="dataset",
        fix="datasets are named source.dataset; `gateway datasets` lists yours",
    )


def balanced(tree: exp.Expr) -> exp.Expr:
    """The same tree with chains of AND and of OR as balanced trees.

    Such chains are parsed as lists, one level each; every later look at a node's ancestors would be
    quadratic (measured: 5,000 comparisons took 32 s).
    """
    _balance(nodes_of(tree))
    return tree


def _balance(nodes: Iterable[exp.Expr]) -> None:
    for node in nodes:
        if not isinstance(node, exp.And | exp.Or) or type(node.parent) is type(node):
            continue
        parts = list(chain(node))
        if len(parts) > 2:  # noqa: PLR2004  # two are balanced as they are
            replacement = _halve(type(node), parts)
            node.set("this", replacement.this)
            node.set("expression", replacement.args["expression"])


def chain(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a chain, left to right, without recursion."""
    pending = [node]
    while pending:
        part = pending.pop()
        if type(part) is type(node):
            pending += [part.args["expression"], part.this]
        else:
            yield part


def _halve(kind: type[exp.Expr], parts: list[exp.Expr]) -> exp.Expr:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return kind(this=_halve(kind, parts[:middle]), expression=_halve(kind, parts[middle:]))


def _has_modifiers(tree: exp.Subquery) -> bool:
    return any(value for name, value in tree.args.items() if name != "this")


def _fold(nodes: Iterable[exp.Expr], *, quoted_too: bool) -> None:
    for name in nodes:
        if not name.meta_get(IS_PARAMETER):
            name._meta = None  # positions in the text, even if empty: they make each copy of a tree dear
        if not isinstance(name, exp.Identifier):
            continue
        if quoted_too or not name.quoted:
            if not name.name.islower():
                name.meta["written"] = name.name
            name.set("this", name.name.lower())
        name.set("quoted", True)  # noqa: FBT003  # sqlglot's signature


def _datasets(nodes: Sequence[exp.Expr]) -> Iterator[str]:
    ctes = {node.alias for node in nodes if isinstance(node, exp.CTE)}
    for table in nodes:
        if not isinstance(table, exp.Table):
            continue
        if table.db:
            yield f"{table.db}.{table.name}"
        elif table.name not in ctes:
            raise unknown_dataset(table.name)


def _is_value(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) or bool(node.meta_get(IS_PARAMETER))


def shape_of(tree: exp.Expr) -> str:
    """The SQL without comments and with every literal and parameter replaced by `?`; a list of literals becomes one.

    So are names that no catalog has: a value that was typed in double quotes is a name to SQL (B8).
    """
    shape = copy_of(tree)
    for node in nodes_of(shape):
        if isinstance(node, exp.Null | exp.Boolean | exp.Paren) and node.meta_get(IS_PARAMETER):
            node.replace(exp.Literal.number("?"))
        elif isinstance(node, exp.In) and all(map(_is_value, node.expressions)):
            node.set("expressions", [exp.var("?")] if node.expressions else [])
        elif isinstance(node, exp.Identifier) and not _CATALOGED.fullmatch(node.name):
            node.set("this", "?")
        elif isinstance(node, exp.Literal):
            # In place: replacing an item of a list copies the list, and a list may have thousands.
            node.set("this", "?")
            node.set("is_string", False)  # noqa: FBT003  # sqlglot's signature
    try:
        return shape.sql(dialect=POSTGRES, comments=False, copy=False)
    except (UnsupportedError, RecursionError, ValueError):
        raise Unsupported("this query cannot be written down without its values", code="syntax") from None
