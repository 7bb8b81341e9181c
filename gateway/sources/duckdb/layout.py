"""A table's columns in DuckDB's words, held against the catalog."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

import pyarrow as pa

from gateway.errors import Integrity, Unsupported
from gateway.sources.followed import kind_of, values_of
from gateway.sources.render.duckdb import FOLDER
from gateway.sources.table import Spelling, Stored, Table, Values
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family
from gateway.terms.policy import Follow
from gateway.terms.predicate import Scalar, columns_of

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "tinyint": "integer",
        "smallint": "integer",
        "integer": "integer",
        "bigint": "integer",
        "utinyint": "integer",
        "usmallint": "integer",
        "uinteger": "integer",
        "float": "float",
        "double": "float",
        "decimal": "decimal",
        "boolean": "boolean",
        "varchar": "string",
        "uuid": "string",
        "json": "string",
        "enum": "string",
        "date": "date",
        "timestamp": "timestamp",
        "timestamp_s": "timestamp",
        "timestamp_ms": "timestamp",
        "timestamp_ns": "timestamp",
        "timestamp with time zone": "timestamp",
        "blob": "binary",
    }
)
"""DuckDB's types that are read, and what the catalog may declare for them; anything else is schema drift."""

_BITS: Final = MappingProxyType(
    {
        "tinyint": 8,
        "smallint": 16,
        "integer": 32,
        "bigint": 64,
        "utinyint": 16,
        "usmallint": 32,
        "uinteger": 64,
        "float": 32,
        "double": 64,
    }
)
"""Of the signed type that holds all values."""
_DECIMAL: Final = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_ZONED: Final = "timestamp with time zone"


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A column's type."""

    word: str
    """`decimal`, lower case, of an enumeration without its values; FOLDER for what a folder's name tells."""
    digits: tuple[int, int] | None = None
    """Precision and scale of a decimal."""

    @classmethod
    def of(cls, spelled: str) -> Self:
        """From DuckDB's spelling: `DECIMAL(12,2)`, `ENUM('a', 'b')`."""
        lower = spelled.lower()
        match = _DECIMAL.fullmatch(lower)
        if match is not None:
            return cls("decimal", (int(match[1]), int(match[2])))
        return cls("enum") if lower.startswith("enum(") else cls(lower)

    @property
    def values(self) -> Values:
        """What it can hold."""
        return Values(
            family=FAMILIES.get(self.word),
            bits=_BITS.get(self.word, 64),
            digits=self.digits,
            is_zoned=self.word == _ZONED,
        )

    @property
    def natural(self) -> pa.DataType | None:
        """The type that a catalog declares for a column; None: it is not read."""
        return self.values.natural

    def __str__(self) -> str:
        if self.digits is not None:
            return f"{self.word}({self.digits[0]},{self.digits[1]})"
        # a nested type's spelling holds names of fields, which are nobody's business
        return self.word if self.word in FAMILIES else self.word.partition("(")[0].partition("[")[0]


class Layout:
    """A table's columns as its file has them now."""

    def __init__(self, *, dataset: str, path: tuple[str, ...], kinds: Mapping[str, Kind]) -> None:
        self._dataset = dataset
        self._path = path
        self._kinds = kinds
        self.spelling = Spelling(kinds, dataset=dataset)

    def table(self, columns: Sequence[Column]) -> Table:
        """The table with the columns, each held against its declaration.

        Raises:
            Integrity: a column is missing (case aside) or of another type: the schema drifted.
        """
        stored = {c.name: Stored(column=c, storage=self._storage(c), written=self.spelling.of(c.name)) for c in columns}
        return Table(path=self._path, columns=stored)

    def _storage(self, column: Column) -> str:
        found = self._kind(column.name)
        if found.word == FOLDER:
            self.require_spelled(column)
        elif not found.values.fit(column.type):
            raise Integrity(
                f"{self._dataset}.{column.name}: declared {column.type}, but the table has {found} there",
                code="source.schema",
            )
        return found.word

    def require_spelled(self, column: Column) -> None:
        """For what folders' names tell.

        Raises:
            Integrity: a name does not spell a value of the declared type.
        """
        raise Integrity(f"{self._dataset}.{column.name}: no folder tells it", code="source.schema")

    def _kind(self, name: str) -> Kind:
        return self._kinds[self.spelling.of(name)]

    def followed(self, follow: Follow, *, key: pa.DataType) -> list[Column]:
        """The columns that a follow reads, in the table's own types: it does not carry others. The key's is the scan's.

        Raises:
            Integrity: a column is missing.
            Unsupported: a column is of a type whose values cannot be compared.
        """
        told = dict(values_of(follow.predicate))
        kinds = {name: self._natural(name, told) for name in columns_of(follow.predicate)} | {follow.key: key}
        return [Column(name=name, type=kind, classification="direct_identifier") for name, kind in kinds.items()]

    def _natural(self, name: str, told: Mapping[str, Scalar]) -> pa.DataType:
        found = self._kind(name)
        if found.word == FOLDER:
            return kind_of(told[name], "") if name in told else pa.string()
        natural = found.values.natural
        if natural is None:
            raise Unsupported(
                f"{self._dataset}.{name}: a row filter on a column of type {found} is not followed", code="source"
            )
        return natural
