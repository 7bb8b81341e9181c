"""How SQL for the engine is written."""

from __future__ import annotations

from typing import Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator


class _Generator(DuckDBGenerator):
    def ordered_sql(self, expression: exp.Ordered) -> str:
        """Where nulls go is always said: sqlglot leaves out what it takes for the engine's default, a setting."""
        direction = " DESC" if expression.args.get("desc") else ""
        nulls = "FIRST" if expression.args.get("nulls_first") else "LAST"
        return f"{self.sql(expression, 'this')}{direction} NULLS {nulls}"


class _Engine(DuckDB):
    generator_class = _Generator


ENGINE: Final = _Engine()
"""For `tree.sql(dialect=ENGINE)`."""
