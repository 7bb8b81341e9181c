"""Texts that would be read in two ways: names that differ in case only, and intervals that are cut short."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import Invalid, Unsupported

_UNIT: Final = r"(?:year|month|week|day|hour|minute|second|quarter|decade|century|millisecond|microsecond)s?"
_INTERVAL: Final = re.compile(
    rf"\s*[+-]?\d{{1,9}}\s*|\s*[+-]?\d{{1,9}}\s+{_UNIT}(?:\s+[+-]?\d{{1,9}}\s+{_UNIT})*\s*|\d{{1,6}}:\d\d(?::\d\d(?:\.\d{{1,6}})?)?",
    re.ASCII | re.IGNORECASE,
)


def check_intervals(tokens: Sequence[Token]) -> None:
    """Refuse `INTERVAL '1 day ago'` and the like: the parser reads their beginning and drops the rest."""
    for before, token in itertools.pairwise(tokens):
        if before.token_type is TokenType.INTERVAL and token.token_type is TokenType.STRING:
            check_interval(token.text)


def check_interval(text: str) -> None:
    """Raise Unsupported for an interval that is not numbers with units, or hours:minutes:seconds."""
    if not _INTERVAL.fullmatch(text):
        raise Unsupported(
            "this form of interval is not offered",
            code="literal",
            fix="write INTERVAL '1 year 2 days', or '01:30:00', and add or subtract several",
        )


def check_names(nodes: Sequence[exp.Expr]) -> None:
    """Refuse two names that differ in case only, where one could be taken for the other: the engine folds case.

    Args:
        nodes: of a tree whose stars are expanded.

    Raises:
        Invalid: `name`: two output columns of one SELECT, or two tables, CTEs or aliases of the query.
    """
    aliases = [node for node in nodes if isinstance(node, exp.TableAlias)]
    _check_apart([alias.name for alias in aliases])
    for alias in aliases:
        _check_apart([column.name for column in alias.columns])
    for select in nodes:
        if isinstance(select, exp.Select):
            _check_apart([item.alias_or_name for item in select.selects])


def _check_apart(names: list[str]) -> None:
    if not "".join(names).islower() and len(set(names)) != len({name.lower() for name in names}):
        raise Invalid("two names differ in case only", code="name", fix="give one of them another alias")
