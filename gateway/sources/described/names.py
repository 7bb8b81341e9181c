"""Names of columns as a catalog file has them: `customer_id`, where the source has `CustomerID` or `Customer Id`."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.sources.table import letters_of
from gateway.terms.source_schema import ForeignKey, SchemaTable, SourceSchema

_Renamed = Mapping[str, str]
_LISTED: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SIGNS: Final = re.compile(r"[^A-Za-z0-9]+")
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def as_listed(schema: SourceSchema) -> SourceSchema:
    """The schema with its columns' names as a catalog file can have them, also where keys name them.

    Left as they are: names with other letters than ASCII's, and such as differ in case and signs alone.
    """
    renamed = {table.name: _renamed(table) for table in schema.tables}
    return dataclasses.replace(schema, tables=tuple(_table(table, renamed) for table in schema.tables))


def _renamed(table: SchemaTable) -> _Renamed:
    alike = Counter(letters_of(column.name) for column in table.columns)
    names = [column.name for column in table.columns if alike[letters_of(column.name)] == 1 and column.name.isascii()]
    renamed = {name: _SIGNS.sub("_", _WORDS.sub("_", name)).strip("_").lower() for name in names}
    return {
        name: listed for name, listed in renamed.items() if not _LISTED.fullmatch(name) and _LISTED.fullmatch(listed)
    }


def _table(table: SchemaTable, renamed: Mapping[tuple[str, ...], _Renamed]) -> SchemaTable:
    own = renamed[table.name]
    if not any(renamed[name] for name in {table.name, *(key.table for key in table.foreign_keys)} & renamed.keys()):
        return table
    return dataclasses.replace(
        table,
        columns=tuple(dataclasses.replace(column, name=own.get(column.name, column.name)) for column in table.columns),
        primary_key=_names(table.primary_key, own),
        unique=tuple(_names(names, own) for names in table.unique),
        foreign_keys=tuple(_key(key, own, renamed.get(key.table, {})) for key in table.foreign_keys),
    )


def _key(key: ForeignKey, own: _Renamed, there: _Renamed) -> ForeignKey:
    return dataclasses.replace(key, columns=_names(key.columns, own), references=_names(key.references, there))


def _names(names: tuple[str, ...], renamed: _Renamed) -> tuple[str, ...]:
    return tuple(renamed.get(name, name) for name in names)
