"""ORDER BY of a SELECT DISTINCT: what PostgreSQL refuses has no answer, though the engine gives one."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from gateway.errors import Invalid


def check_distinct_orders(nodes: Iterable[exp.Expr]) -> None:
    """Refuse to order distinct rows by what they do not show.

    Args:
        nodes: of a tree whose columns have their tables.

    Raises:
        Invalid: `syntax`.
    """
    for select in nodes:
        if not isinstance(select, exp.Select):
            continue
        distinct, order = select.args.get("distinct"), select.args.get("order")
        if order is not None and distinct is not None and not distinct.args.get("on"):
            shown = {item.unalias() for item in select.selects}
            names = {item.alias_or_name for item in select.selects}
            for term in (ordered.this for ordered in order.expressions):
                is_output = isinstance(term, exp.Literal) or (isinstance(term, exp.Column) and term.name in names)
                if not is_output and term not in shown:
                    raise Invalid(
                        "SELECT DISTINCT is ordered by what it does not select",
                        code="syntax",
                        fix="select it too, or use GROUP BY",
                    )
