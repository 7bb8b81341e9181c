"""Says which column of a query did not resolve. Read only after resolving failed; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import Scope, traverse_scope

from gateway.errors import Invalid
from gateway.query import grammar
from gateway.query.reader import SLIPS
from gateway.terms.dataset import Datasets


def explain(tree: exp.Query, *, datasets: Datasets) -> Invalid:
    """The error for the first column that does not resolve.

    Args:
        tree: as parsed.
    """
    try:
        found = next(_unresolved(qualify_tables(tree, dialect="postgres"), datasets), None)
    except (SqlglotError, *SLIPS):
        found = None
    return found or Invalid(
        "a name in the query does not resolve", code="column", fix="give each table its own alias, and columns theirs"
    )


def _unresolved(tree: exp.Query, datasets: Datasets) -> Iterator[Invalid]:
    for scope in traverse_scope(tree):
        for column in scope.columns:
            if not column.this or isinstance(column.this, exp.Star):
                continue
            if column.table:
                yield from _of_alias(column, scope, datasets)
            else:
                yield from _bare(column, scope, datasets)


def _of_alias(column: exp.Column, scope: Scope, datasets: Datasets) -> Iterator[Invalid]:
    source = scope.sources.get(column.table)
    columns = _columns(source, datasets)
    if columns is not None and column.name not in columns:
        yield _unknown(column, (source,))
    elif source is None and not scope.can_be_correlated:
        yield _unknown(column, ())


def _bare(column: exp.Column, scope: Scope, datasets: Datasets) -> Iterator[Invalid]:
    sources = {alias: source for alias, (_, source) in scope.selected_sources.items()}
    known = [_columns(source, datasets) for source in sources.values()]
    holding = sum(1 for columns in known if columns is not None and column.name in columns)
    joined = any(join.args.get("using") or join.args.get("method") for join in scope.expression.args.get("joins") or ())
    if holding > 1 and not joined:
        name = _written(column)
        yield Invalid(f"ambiguous column {name}".rstrip(), code="ambiguous", fix="write alias.column")
    elif not holding and None not in known and not scope.can_be_correlated:
        yield _unknown(column, tuple(sources.values()))


def _columns(source: exp.Expr | Scope | None, datasets: Datasets) -> frozenset[str] | None:
    """Names that a source offers; None where that is not certain."""
    if isinstance(source, exp.Table):
        dataset = datasets.get(f"{source.db}.{source.name}")
        return frozenset(dataset.columns) if dataset else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Select) and not source.expression.is_star:
        return frozenset(source.outer_columns or source.expression.named_selects)
    return None


def _unknown(column: exp.Column, sources: tuple[exp.Expr | Scope | None, ...]) -> Invalid:
    names = [f"{source.db}.{source.name}" for source in sources if isinstance(source, exp.Table) and source.db]
    where = f" in {names[0]}" if len(names) == len(sources) == 1 else ""
    return Invalid(
        f"unknown column {_written(column)}".rstrip() + where,
        code="column",
        fix=f"`gateway datasets` lists the columns of {names[0]}" if names else "",
    )


def _written(column: exp.Column) -> str:
    """As the user wrote it, if that is safe to repeat."""
    parts = [grammar.plain(str(part.meta.get("written", part.name))) for part in column.parts[-2:]]
    return ".".join(parts) if all(parts) else ""
