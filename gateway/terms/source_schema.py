"""What a source says of itself: tables, views, keys, comments. No rows."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

import pyarrow as pa

MAX_SAMPLE_LENGTH: Final = 32 << 10
"""A sampled text of more characters, or binary of more bytes, comes cut to one more: it is seen to be longer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SchemaColumn:
    """A column as the source has it."""

    name: str
    """As a catalog file has it, where it can; else as the source does."""
    spelled: str
    """The source's own spelling of the type, without the values of an enumeration: `character varying(40)`."""
    type: pa.DataType | None
    """What the catalog would declare; None: the gateway cannot read it."""
    is_nullable: bool = True
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """These columns name a row there."""

    columns: tuple[str, ...]
    table: tuple[str, ...]
    """Its name in full, as SchemaTable has it; it need not be among those that were described."""
    references: tuple[str, ...]
    """As many as columns."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SchemaTable:
    """A table, a view, or a folder of files. Partitions are part of their table."""

    name: tuple[str, ...]
    """In full: schema (MariaDB: database) and table; SQLite: the table; Parquet: folders and table."""
    kind: Literal["table", "view"]
    columns: tuple[SchemaColumn, ...]
    """Empty for a view that is broken."""
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    """Unique constraints and indexes besides."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    row_estimate: int | None = None
    """By the source's statistics; None: it keeps none."""
    definition: str = ""
    """A view's query in the source's dialect, or the statement that makes it; empty: a table, or the account may not
    see it, or it is longer than 64 KiB."""
    refused: str = ""
    """Why the gateway reads no row of it, in words; empty: it can be sampled."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceSchema:
    """All that the source's account can see, system schemas left out."""

    source: str
    dialect: str
    """sqlglot's name of the source's SQL, for view definitions."""
    tables: tuple[SchemaTable, ...]
    """Sorted by name."""
    default_schema: str = ""
    """Where a table that a catalog file names without a schema is looked for; empty: names have none."""

    def find(self, table: tuple[str, ...]) -> SchemaTable | None:
        """The table that a catalog file names so, exactly; None without it."""
        whole = (self.default_schema, *table) if self.default_schema and len(table) == 1 else table
        return next((each for each in self.tables if each.name in {table, whole}), None)
