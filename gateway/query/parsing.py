"""From a text to a checked query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from gateway.errors import Invalid, Unsupported
from gateway.query import grammar
from gateway.query.limits import QueryLimits, check_text, check_tree, too_large
from gateway.query.reader import read
from gateway.terms.query import Query

_FOLD_QUOTED: Final = frozenset({"duckdb", "mysql", "sqlite", "bigquery", "tsql"})
"""Dialects in which a quoted name is not case-sensitive either."""


def parse(sql: str, *, dialect: str, limits: QueryLimits) -> Query:
    """Read one SELECT.

    Names are folded to lower case as the dialect does (Snowflake's too: catalogs are lower case).
    A name of one part must be a CTE's; datasets are `source.dataset`. Whether they exist is bind's question.

    Raises:
        Invalid: `size`, `syntax`, `dialect`, `name`, or `dataset` for a name that cannot be a dataset's.
        Unsupported: a statement, construct, function or type that is not offered.
    """
    check_text(sql, limits=limits)
    tree = balanced(read(sql, dialect=dialect, limits=limits))
    check_tree(tree, limits=limits)
    grammar.check(tree)
    tree = tree.unnest() if isinstance(tree, exp.Subquery) and not _has_modifiers(tree) else tree
    if not isinstance(tree, exp.Query) or not tree.selects:
        raise Unsupported("only SELECT is offered", code="statement", fix="write SELECT … FROM …")
    if len(tree.selects) > limits.max_output_columns:
        raise too_large("columns", limits.max_output_columns)
    _fold(tree, quoted_too=dialect in _FOLD_QUOTED)
    mentions = tuple(_datasets(tree))
    if len(mentions) > limits.max_scans:
        raise too_large("datasets", limits.max_scans)
    return Query(dialect=dialect, tree=tree, names=tuple(dict.fromkeys(mentions)), shape=shape_of(tree))


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
    for node in list(tree.find_all(exp.And, exp.Or)):
        if type(node.parent) is type(node):
            continue
        parts = list(chain(node))
        if len(parts) > 2:  # noqa: PLR2004  # two are balanced as they are
            replacement = _halve(type(node), parts)
            node.set("this", replacement.this)
            node.set("expression", replacement.args["expression"])
    return tree


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


def _fold(tree: exp.Expr, *, quoted_too: bool) -> None:
    for name in tree.find_all(exp.Identifier):
        name.meta.clear()  # positions in the text; they make each copy of a tree dear
        if quoted_too or not name.quoted:
            if not name.name.islower():
                name.meta["written"] = name.name
            name.set("this", name.name.lower())
        name.set("quoted", True)  # noqa: FBT003  # sqlglot's signature


def _datasets(tree: exp.Expr) -> Iterator[str]:
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.db:
            yield f"{table.db}.{table.name}"
        elif table.name not in ctes:
            raise unknown_dataset(table.name)


def shape_of(tree: exp.Expr) -> str:
    """The SQL without comments and with every literal replaced by `?`; a list of literals becomes one."""
    shape = tree.copy()
    for node in list(shape.find_all(exp.In)):
        if node.expressions and all(isinstance(item, exp.Literal) for item in node.expressions):
            node.set("expressions", [exp.var("?")])
    for literal in shape.find_all(exp.Literal):
        # In place: replacing an item of a list copies the list, and a list may have thousands.
        literal.set("this", "?")
        literal.set("is_string", False)  # noqa: FBT003  # sqlglot's signature
    try:
        return shape.sql(dialect="postgres", comments=False)
    except (UnsupportedError, RecursionError, ValueError):
        raise Unsupported("this query cannot be written down without its values", code="syntax") from None
