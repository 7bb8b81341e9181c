"""At the aggregated level a plain SELECT is read as its summary (docs/decisions/0005).

`SELECT region, income` becomes `SELECT region, avg(income) AS avg_income, count(*) AS records … GROUP BY region`: what
is a dimension forms groups, what is a measure is averaged, under another name, so that no average passes for a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from gateway.planning.sites import Site, catalog_column, column_decision
from gateway.terms.mask_spec import family_of

RECORDS: Final = "records"
"""The added output column: rows in the group."""
_NUMBERS: Final = frozenset({"integer", "decimal", "float"})
_OWN_SHAPE: Final = ("group", "distinct", "having", "qualify", "windows", "joins")


def summarized(select: exp.Select, site: Site, *, names: Sequence[str]) -> tuple[str, ...] | None:
    """Rewrite the outermost SELECT over one dataset in place; its new output names.

    None, and nothing is changed, unless every output and every ORDER BY key is a plain dimension or measure, and the
    SELECT has no GROUP BY, DISTINCT or HAVING of its own.
    """
    outputs = [item.unalias() for item in select.expressions]
    keys = _order_keys(select, outputs)
    if any(select.args.get(clause) for clause in _OWN_SHAPE) or not all(_use(site, n) for n in (*outputs, *keys)):
        return None
    told = tuple(
        name if _use(site, node) == "dimension" else f"avg_{name}" for node, name in zip(outputs, names, strict=True)
    )
    shown = [_named(_shown(node, site), name) for node, name in zip(outputs, told, strict=True)]
    select.set("expressions", [*shown, _named(exp.Count(this=exp.Star()), RECORDS)])
    for item, key in zip(_order_items(select), keys, strict=True):
        item.set("this", _shown(key, site))
    dimensions = {node.name: node.copy() for node in (*outputs, *keys) if _use(site, node) == "dimension"}
    if dimensions:
        select.set("group", exp.Group(expressions=list(dimensions.values())))
    return (*told, RECORDS)


def _order_items(select: exp.Select) -> list[exp.Expr]:
    order = select.args.get("order")
    return list(order.expressions) if order else []


def _order_keys(select: exp.Select, outputs: Sequence[exp.Expr]) -> list[exp.Expr]:
    """What is ordered by; an output's alias stands for the output."""
    by_alias = {item.alias: node for item, node in zip(select.expressions, outputs, strict=True)}
    keys = [item.this for item in _order_items(select)]
    return [by_alias.get(key.name, key) if isinstance(key, exp.Column) and not key.table else key for key in keys]


def _use(site: Site, node: exp.Expr) -> str:
    """`dimension`, `measure`, or empty for what a summary cannot show."""
    if not isinstance(node, exp.Column) or node.table != site.alias:
        return ""
    use = column_decision(site, node.name).use
    is_number = family_of(catalog_column(site, node.name).type) in _NUMBERS
    return use if use == "dimension" or (use == "measure" and is_number) else ""


def _shown(node: exp.Expr, site: Site) -> exp.Expr:
    return node.copy() if _use(site, node) == "dimension" else exp.Avg(this=node.copy())


def _named(node: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=node, alias=exp.to_identifier(name, quoted=True))
