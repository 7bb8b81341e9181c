"""What a DuckDB file says is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.sources.described import Draft, Drafts, queries_of
from gateway.sources.duckdb.layout import Kind
from gateway.terms.source_schema import SourceSchema

Ask = Callable[[str], list[tuple[Any, ...]]]

_DEFAULT: Final = "main"


def described(ask: Ask, *, source: str) -> SourceSchema:
    """All tables and views of the file. A foreign key's table lies in the schema of its own."""
    queries, drafts = queries_of("gateway.sources.duckdb"), Drafts(source)
    for schema, name, comment, rows in ask(queries["tables"]):
        drafts.add((schema, name), Draft(name=(schema, name), comment=comment, row_estimate=rows))
    for schema, name, comment, definition in ask(queries["views"]):
        drafts.add((schema, name), Draft(name=(schema, name), kind="view", comment=comment, definition=definition))
    for schema, name, column, spelled, is_nullable, comment in ask(queries["columns"]):
        kind = Kind.of(spelled)
        drafts.add_column(
            (schema, name), column, spelled=str(kind), kind=kind.natural, is_nullable=is_nullable, comment=comment
        )
    for schema, name, kind, columns, there, references in ask(queries["constraints"]):
        if kind == "FOREIGN KEY":
            drafts.add_reference((schema, name), columns, table=(schema, there), there=references)
        else:
            drafts.add_key((schema, name), columns, is_primary=kind == "PRIMARY KEY")
    return drafts.schema(dialect="duckdb", default_schema=_DEFAULT)
