"""LIKE has an escape character in PostgreSQL, a backslash, also where none is written; the engine has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from gateway.errors import Unsupported

_ESCAPE: Final = "\\"


def escape_patterns(nodes: Iterable[exp.Expr]) -> None:
    """Write down the ESCAPE that PostgreSQL implies, wherever a pattern may hold a backslash.

    Raises:
        Unsupported: LIKE ANY and LIKE ALL.
    """
    for like in nodes:
        if not isinstance(like, exp.Like | exp.ILike):
            continue
        pattern = like.expression
        if isinstance(pattern, exp.Any | exp.All):
            raise Unsupported("LIKE ANY is not offered", code="syntax", fix="write x LIKE … OR x LIKE …")
        is_plain = isinstance(pattern, exp.Literal) and _ESCAPE not in pattern.name
        if not is_plain and not isinstance(like.parent, exp.Escape):
            escape = exp.Escape(expression=exp.Literal.string(_ESCAPE))
            like.replace(escape)
            escape.set("this", like)
