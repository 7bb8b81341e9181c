"""A table as the server declares it now, held against the catalog."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from gateway.errors import Integrity, Unsupported
from gateway.sources.convert import MAX_VALUE_BYTES
from gateway.sources.followed import kind_of, values_of
from gateway.sources.render.mariadb import LONG, WIDE, WIDE_OCTETS
from gateway.sources.table import Spelling, Stored, Table
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.policy import Follow
from gateway.terms.predicate import columns_of

_INTEGERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"})
TYPES: Final[Mapping[Family, frozenset[str]]] = MappingProxyType(
    {
        "integer": _INTEGERS,
        "boolean": frozenset({"tinyint", "bit"}),
        "float": frozenset({"float", "double"}),
        "decimal": frozenset({"decimal"}),
        "string": frozenset(
            {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "uuid"}
        ),
        "date": frozenset({"date"}),
        "timestamp": frozenset({"datetime", "timestamp"}),
        "binary": frozenset({"binary", "varbinary", "tinyblob", "blob"}),
    }
)
"""What the server may declare for a column of each family; anything else is schema drift."""

TRANSACTIONAL: Final = frozenset({"innodb", "rocksdb"})
"""Storage engines that keep a snapshot."""

_DIGITS: Final = re.compile(r"decimal\((\d+),(\d+)\)")
_SAID: Final = frozenset({"enum", "set"})
"""Types that are spelled with their values."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A column in the server's words."""

    type: str
    """`decimal`, lower case."""
    whole: str
    """`decimal(12,2) unsigned`."""
    second_digits: int
    """Of a moment."""
    octets: int
    """Of the longest text."""

    @property
    def word(self) -> str:
        """The type in full, but without an enumeration's values."""
        return self.type if self.type in _SAID else self.whole

    @property
    def storage(self) -> str:
        """What the renderer tells apart."""
        if self.type in {"datetime", "timestamp"}:
            return f"{self.type}({self.second_digits})"
        if self.octets > MAX_VALUE_BYTES or self.type == "json":
            return LONG + self.type
        if self.octets > WIDE_OCTETS:
            return WIDE + self.type
        return f"{self.type} unsigned" if self.type == "bigint" and "unsigned" in self.whole else self.type

    def is_wider_than(self, kind: pa.DataType) -> bool:
        """Whether it holds decimals, bits or moments that are none of the declared type."""
        digits = _DIGITS.match(self.whole)
        if pa.types.is_decimal(kind) and digits is not None:
            precision, scale = int(digits[1]), int(digits[2])
            return bool(scale > kind.scale or precision - scale > kind.precision - kind.scale)
        if pa.types.is_timestamp(kind):
            # A TIMESTAMP is a moment; a DATETIME has no zone and is taken for UTC where the catalog says so.
            return self.type == "timestamp" and not kind.tz
        return pa.types.is_boolean(kind) and self.type == "bit" and self.whole != "bit(1)"


class Layout:
    """A table's columns as the server declares them now."""

    def __init__(self, *, dataset: str, path: tuple[str, str], columns: Mapping[str, Declared]) -> None:
        self._dataset = dataset
        self._path = path
        self._columns = columns
        self.spelling = Spelling(columns, dataset=dataset)

    def table(self, columns: Sequence[Column]) -> Table:
        """The table with the columns, each held against its declaration.

        Raises:
            Integrity: a column is missing (case aside) or of another type: the schema drifted.
            Unsupported: a declared type that is not read from MariaDB.
        """
        stored = {c.name: Stored(column=c, storage=self._storage(c), written=self.spelling.of(c.name)) for c in columns}
        return Table(path=self._path, columns=stored)

    def _storage(self, column: Column) -> str:
        family = family_of(column.type)
        if family is None:
            raise Unsupported(f"{self._dataset}.{column.name}: {column.type} is not read from MariaDB", code="source")
        found = self._columns[self.spelling.of(column.name)]
        if found.type not in TYPES[family] or found.is_wider_than(column.type):
            raise Integrity(
                f"{self._dataset}.{column.name}: declared {column.type}, but the table has {_word(found)} there",
                code="source.schema",
            )
        return found.storage

    def followed(self, follow: Follow, *, key: pa.DataType) -> list[Column]:
        """The columns that a follow reads. It does not carry their types: its values do, and the key's is the scan's.

        Raises:
            Unsupported: the type cannot be told.
        """
        kinds = {name: kind_of(value, self._whole(name)) for name, value in values_of(follow.predicate)}
        for name in columns_of(follow.predicate):
            # Only `IS NULL` is asked of it: any type that it can be read as will do.
            kinds.setdefault(name, self._any_kind(name))
        kinds[follow.key] = key
        return [Column(name=name, type=kind, classification="direct_identifier") for name, kind in kinds.items()]

    def _whole(self, name: str) -> str:
        return self._columns[self.spelling.of(name)].whole

    def _any_kind(self, name: str) -> pa.DataType:
        kind = natural(self._columns[self.spelling.of(name)]) or pa.string()
        return pa.int64() if pa.types.is_boolean(kind) else kind  # it may hold other numbers than 0 and 1


def natural(found: Declared) -> pa.DataType | None:
    """The type that a catalog declares for a column; None: it is not read."""
    digits = _DIGITS.match(found.whole)
    if digits is not None:
        precision, scale = int(digits[1]), int(digits[2])
        return pa.decimal128(precision, scale) if precision <= _MAX_DIGITS else None
    if found.whole in _BOOLEANS:
        return pa.bool_()
    families = [family for family, types in TYPES.items() if found.type in types]
    return _KINDS.get(families[0], pa.string()) if families else None


_MAX_DIGITS: Final = 38
_BOOLEANS: Final = frozenset({"tinyint(1)", "bit(1)"})
_KINDS: Final[Mapping[Family, pa.DataType]] = MappingProxyType(
    {
        "integer": pa.int64(),
        "float": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "binary": pa.binary(),
    }
)


def _word(found: Declared) -> str:
    """The type without an enum's values."""
    return found.whole if found.type == "decimal" else found.type
