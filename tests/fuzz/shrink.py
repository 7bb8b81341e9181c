"""A failing query made small: parts are dropped while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

MAX_TRIES = 150
_NEEDED = {"this", "expression", "expressions", "from_", "to", "true", "ifs", "low", "high", "unit"}


def shrink(sql: str, *, dialect: str, fails: Callable[[str], bool], tries: int = MAX_TRIES) -> str:
    """The smallest query found that still fails; `sql` itself if nothing smaller does."""
    try:
        best = parse_one(sql, dialect=dialect)
    except SqlglotError:
        return sql
    found, left, is_better = sql, tries, True
    while is_better and left > 0:
        is_better = False
        for smaller in _smaller(best):
            text = _text(smaller, dialect)
            if text is None or len(text) >= len(found):
                continue
            left -= 1
            if fails(text):
                best, found, is_better = smaller, text, True
                break
            if left <= 0:
                break
    return found


def _text(tree: exp.Expr, dialect: str) -> str | None:
    try:
        return tree.sql(dialect=dialect)
    except (SqlglotError, ValueError, AttributeError):
        return None


def _smaller(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Copies with one part less, those that lose most first."""
    for number, node in enumerate(tree.walk()):
        for name, value in list(node.args.items()):
            if isinstance(value, list) and value and (len(value) > 1 or name not in _NEEDED):
                for at in range(len(value)):
                    yield _changed(tree, number, lambda copy, n=name, a=at: copy.args[n].pop(a))
            elif isinstance(value, exp.Expr) and name not in _NEEDED:
                yield _changed(tree, number, lambda copy, n=name: copy.set(n, None))
            elif value is True:
                yield _changed(tree, number, lambda copy, n=name: copy.set(n, False))
    for number, node in enumerate(tree.walk()):
        if number and isinstance(node, exp.Condition | exp.Query | exp.Subquery) and not isinstance(node, exp.Column):
            yield from (
                _replaced(tree, number, at)
                for at, child in enumerate(node.iter_expressions())
                if isinstance(child, exp.Condition | exp.Query) and not isinstance(child, exp.DataType)
            )
    if isinstance(tree, exp.SetOperation):
        yield tree.left.copy()
        yield tree.right.copy()


def _nth(tree: exp.Expr, number: int) -> exp.Expr:
    return next(node for at, node in enumerate(tree.walk()) if at == number)


def _changed(tree: exp.Expr, number: int, change: Callable[[exp.Expr], object]) -> exp.Expr:
    copy = tree.copy()
    change(_nth(copy, number))
    return copy


def _replaced(tree: exp.Expr, number: int, child: int) -> exp.Expr:
    copy = tree.copy()
    node = _nth(copy, number)
    node.replace(list(node.iter_expressions())[child].copy())
    return copy
