"""What a table looks like, held against the catalog."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, LiteralString

import pyarrow as pa

from gateway.errors import Integrity, Unavailable, Unsupported
from gateway.sources.convert import MAX_VALUE_BYTES
from gateway.sources.render.postgres import ANY_NUMERIC, BOUND_NUMERIC, LONG_TEXT, SHORT_TEXT, SPELLED
from gateway.sources.table import Spelling, Stored, Table, Values
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family
from gateway.terms.policy import Follow
from gateway.terms.predicate import columns_of

LAYOUT: Final[LiteralString] = """
WITH RECURSIVE
wanted AS (
    SELECT c.oid, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = {table}
),
attributes (place, name, type, modifier) AS (
    SELECT a.attnum, a.attname, a.atttypid, a.atttypmod
    FROM pg_attribute AS a JOIN wanted ON a.attrelid = wanted.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT d.place, d.name, t.typbasetype, t.typtypmod
    FROM attributes AS d JOIN pg_type AS t ON t.oid = d.type
    WHERE t.typtype = 'd'
),
family (oid) AS (
    SELECT oid FROM wanted
    UNION
    SELECT i.inhrelid FROM pg_inherits AS i JOIN family AS f ON i.inhparent = f.oid
)
SELECT
    wanted.relkind::text AS kind,
    EXISTS (
        SELECT FROM family AS f JOIN pg_class AS c ON c.oid = f.oid
        WHERE c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)
    ) AS is_rewritten,
    d.name::text AS name,
    CASE
        WHEN t.typtype = 'e' THEN 'enum'
        WHEN n.nspname = 'pg_catalog' THEN t.typname
        ELSE n.nspname || '.' || t.typname
    END::text AS type,
    d.modifier AS modifier,
    coalesce(has_column_privilege(wanted.oid, d.place, 'SELECT'), false) AS is_readable
FROM wanted
CROSS JOIN attributes AS d
JOIN pg_type AS t ON t.oid = d.type
JOIN pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.typtype <> 'd'
ORDER BY d.place
"""
"""The table as the snapshot has it; domains as what they are made of. `is_rewritten`: the snapshot's rows are gone
(TRUNCATE, a change of type), since what pg_relation_filenode says is newer than any snapshot."""

_HEADER: Final = 4
"""What PostgreSQL adds to the length in a type modifier."""

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "int2": "integer",
        "int4": "integer",
        "int8": "integer",
        "float4": "float",
        "float8": "float",
        "bool": "boolean",
        "numeric": "decimal",
        "text": "string",
        "varchar": "string",
        "bpchar": "string",
        "uuid": "string",
        "json": "string",
        "jsonb": "string",
        "enum": "string",
        "date": "date",
        "timestamp": "timestamp",
        "timestamptz": "timestamp",
        "bytea": "binary",
    }
)
"""PostgreSQL's types that are read, and what the catalog may declare for them; anything else is schema drift."""

_BITS: Final = MappingProxyType({"int2": 16, "int4": 32, "int8": 64, "float4": 32, "float8": 64})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A column as PostgreSQL declares it."""

    type: str
    """Its base type's name, outside pg_catalog with the schema; `enum` for every enumeration."""
    modifier: int
    """PostgreSQL's; -1 without one."""
    is_readable: bool
    """The gateway's role may read it."""

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a numeric(p, s); None for another type, or a numeric without bounds."""
        if self.type != "numeric" or self.modifier < _HEADER:
            return None
        scale = (self.modifier - _HEADER) & 0x7FF
        return (self.modifier - _HEADER) >> 16, (scale ^ 0x400) - 0x400  # 11 bits, signed

    @property
    def values(self) -> Values:
        """What it can hold."""
        return Values(
            family=FAMILIES.get(self.type),
            bits=_BITS.get(self.type, 64),
            digits=self.digits,
            is_zoned=self.type == "timestamptz",
        )

    @property
    def storage(self) -> str:
        """What render.postgres tells apart."""
        match self.type:
            case "varchar" if 0 < (self.modifier - _HEADER) * _HEADER <= MAX_VALUE_BYTES:
                return SHORT_TEXT  # at most four bytes a character
            case "varchar" | "text":
                return LONG_TEXT
            case "bpchar" | "uuid" | "json" | "jsonb" | "enum":
                return SPELLED
            case "numeric":
                return ANY_NUMERIC if self.digits is None else BOUND_NUMERIC
            case _:
                return self.type


class Layout:
    """A table's columns as the snapshot has them."""

    def __init__(self, *, dataset: str, path: tuple[str, str], attributes: Mapping[str, Attribute]) -> None:
        self.dataset = dataset
        self._path = path
        self._attributes = attributes
        self.spelling = Spelling(attributes, dataset=dataset)

    def table(self, columns: Sequence[Column]) -> Table:
        """The table with the columns, each held against its declaration.

        Raises:
            Integrity: a column is missing (case aside) or of another type: the schema drifted.
            Unavailable: the gateway's role may not read a column.
        """
        stored = {c.name: Stored(column=c, storage=self._storage(c), written=self.spelling.of(c.name)) for c in columns}
        return Table(path=self._path, columns=stored)

    def _storage(self, column: Column) -> str:
        found, name = self._attribute(column.name), f"{self.dataset}.{column.name}"
        if not found.values.fit(column.type):
            raise Integrity(
                f"{name}: declared {column.type}, but the table has {_spelled(found)} there", code="source.schema"
            )
        if not found.is_readable:
            raise Unavailable(
                f"{name}: the gateway's role may not read it", code="source", fix="GRANT SELECT on the column to it"
            )
        return found.storage

    def _attribute(self, name: str) -> Attribute:
        return self._attributes[self.spelling.of(name)]

    def followed(self, follow: Follow, *, key: pa.DataType) -> list[Column]:
        """The columns that a follow reads, in the table's own types: it does not carry others. The key's is the scan's.

        Raises:
            Integrity: a column is missing.
            Unsupported: a column is of a type whose values cannot be compared.
        """
        kinds = {name: self._natural(name) for name in columns_of(follow.predicate)} | {follow.key: key}
        return [Column(name=name, type=kind, classification="direct_identifier") for name, kind in kinds.items()]

    def _natural(self, name: str) -> pa.DataType:
        found = self._attribute(name)
        natural = found.values.natural
        if natural is None:
            raise Unsupported(
                f"{self.dataset}.{name}: a row filter on a column of type {_spelled(found)} is not followed",
                code="source",
            )
        return natural


def _spelled(found: Attribute) -> str:
    return f"{found.type}({found.digits[0]},{found.digits[1]})" if found.digits is not None else found.type
