"""The tables of one access: each a list of files, checked one by one, that DuckDB reads as one."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa

from gateway.errors import Integrity, Unsupported
from gateway.sources.duckdb.failures import DRIVER_ERRORS, translated
from gateway.sources.duckdb.layout import Kind, Layout
from gateway.sources.duckdb.mark import Mark
from gateway.sources.parquet.files import Files, files_of
from gateway.sources.parquet.schema import Found, described, folder_kind
from gateway.sources.render.duckdb import FOLDER
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.source_schema import SourceSchema

_ALLOW: Final = "SET allowed_directories = ?"
_READ: Final = (
    "SELECT * FROM read_parquet($files, hive_partitioning = true, hive_types_autocast = false, union_by_name = $union)"
)
_ROWS: Final = "SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata($files)"
_ONE: Final = "SELECT * FROM read_parquet($files, hive_partitioning = false)"
_SPELLED: Final[Mapping[Family, re.Pattern[str]]] = MappingProxyType(
    {
        "integer": re.compile(r"-?[0-9]{1,18}"),
        "boolean": re.compile(r"true|false"),
        "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    }
)
"""What DuckDB's cast and Arrow's read as the same value."""
_MAX_KNOWN: Final = 50_000

Schema = Mapping[str, Kind]


class Schemas:
    """What was seen in files, by their marks: a file that did not change is not looked into again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: dict[Mark, Schema] = {}

    def of(self, cursor: duckdb.DuckDBPyConnection, file: str, mark: Mark) -> Schema:
        """The file's columns. The caller MUST look at the mark again before a row of the file is given."""
        with self._guard:
            known = self._known.get(mark)
        if known is None:
            relation = cursor.sql(_ONE, params={"files": [file]})
            known = {name: Kind.of(str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)}
            if Mark.of(os.lstat(file)) != mark:
                return known
            with self._guard:
                if len(self._known) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[mark] = known
        return known


class Lake:
    """See duckdb.session.Shelf. The files of a table are listed once an access."""

    def __init__(self, root: Path, schemas: Schemas, *, source: str) -> None:
        self._root = root
        self._schemas = schemas
        self._source = source
        self._guard = threading.Lock()
        self._tables: dict[tuple[str, ...], Files] = {}
        self._views: set[str] = set()

    def allow(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let the engine read below the folder, and nowhere else. For Engine's `prepare`."""
        connection.execute(_ALLOW, [[str(self._root)]])

    def layout(
        self,
        cursor: duckdb.DuckDBPyConnection,
        path: tuple[str, ...],
        *,
        dataset: str,
        check: Callable[[], None],
    ) -> LakeLayout:
        """What the table looks like: a column is one that every file has.

        Raises:
            Integrity: there is no such table, a file of it is refused, or it tells a column twice.
        """
        with self._guard:
            files = self._tables.get(path)
            if files is None:
                files = self._tables[path] = files_of(self._root, path, dataset=dataset)
        seen = []
        for file, mark in files.marks.items():
            check()  # looking into ten thousand new files takes seconds
            seen.append(self._schemas.of(cursor, file, mark))
        if {name.lower() for name in files.told} & {name.lower() for schema in seen for name in schema}:
            raise Integrity(f"{dataset}: a column is told by folders and by files", code="source.schema")
        union = any(list(schema.items()) != list(seen[0].items()) for schema in seen)
        # By the table's path: a number would tell in statements which of two scans was faster.
        view = f"table_{hashlib.sha256(repr(path).encode()).hexdigest()[:16]}"
        with self._guard:
            if view not in self._views:
                cursor.sql(_READ, params={"files": list(files.marks), "union": union}).create_view(view)
                self._views.add(view)
        return LakeLayout(dataset=dataset, view=view, seen=seen, files=files)

    def described(self, cursor: duckdb.DuckDBPyConnection, *, check: Callable[[], None]) -> SourceSchema:
        """See duckdb.session.Shelf. A table that is refused is listed with the reason."""

        def looked_into(path: tuple[str, ...]) -> Found:
            dataset = ".".join([self._source, *path])
            try:
                layout = self.layout(cursor, path, dataset=dataset, check=check)
                files = list(self._tables[path].marks)
                ((rows,),) = cursor.execute(_ROWS, {"files": files}).fetchall()
            except DRIVER_ERRORS as error:
                raise translated(error, source=self._source, dataset=dataset) from None
            return Found(columns=layout.natural(), rows=int(rows))

        return described(self._root, looked_into, source=self._source, check=check)

    def require_unchanged(self) -> None:
        """See duckdb.session.Shelf."""
        with self._guard:
            tables = list(self._tables.values())
        for files in tables:
            for file, mark in files.marks.items():
                if _mark_of(file) != mark:
                    raise Integrity(
                        f"source {self._source}: a file was replaced or taken away while it was read",
                        code="source.changed",
                        fix="try again",
                    )


class LakeLayout(Layout):
    """The columns of all files together, and those that folders tell."""

    def __init__(self, *, dataset: str, view: str, seen: list[Schema], files: Files) -> None:
        self._told = files.told
        kinds = {name: kind for schema in seen for name, kind in schema.items()}
        super().__init__(
            dataset=dataset, path=("main", view), kinds=kinds | {name: Kind(FOLDER) for name in files.told}
        )
        self._name = dataset
        self._seen = seen
        self._files = files

    def _storage(self, column: Column) -> str:
        found, written = super()._storage(column), self.spelling.of(column.name)
        if found == FOLDER:
            return found
        for schema in self._seen:
            if written not in schema:
                raise Integrity(
                    f"{self._name}.{column.name}: a file of the table has no such column; has its schema changed?",
                    code="source.schema",
                )
            if not schema[written].values.fit(column.type):
                raise Integrity(
                    f"{self._name}.{column.name}: declared {column.type},"
                    f" but a file of the table has {schema[written]} there",
                    code="source.schema",
                )
        words = {schema[written].word for schema in self._seen}
        return found if len(words) == 1 else _common(words)

    def natural(self) -> dict[str, tuple[str, pa.DataType | None]]:
        """By column: how its type is spelled, and what a catalog declares; None: it cannot be read in all files."""
        found = {
            name: (str(self._kind(name)), self._common_kind(name)) for name in self._kinds if name not in self._told
        }
        return found | {name: ("folder", folder_kind(values)) for name, values in self._told.items()}

    def _common_kind(self, name: str) -> pa.DataType | None:
        kinds = [schema.get(name) for schema in self._seen]
        for kind in kinds:
            wide = kind.natural if kind is not None else None
            if wide is not None and all(each is not None and each.values.fit(wide) for each in kinds):
                return wide
        return None

    def require_spelled(self, column: Column) -> None:
        """See Layout."""
        family = family_of(column.type)
        if family == "string":
            return
        if family is None or family not in _SPELLED:
            raise Unsupported(
                f"{self._name}.{column.name}: folders tell texts, whole numbers, booleans and dates, no {column.type}",
                code="source",
            )
        values = sorted(value for value in self._files.told[self.spelling.of(column.name)] if value is not None)
        try:
            if not all(_SPELLED[family].fullmatch(value) for value in values):
                raise pa.ArrowInvalid
            pa.array(values, pa.string()).cast(column.type)
        except pa.ArrowException:
            raise Integrity(
                f"{self._name}.{column.name}: a folder's name does not fit the declared type {column.type}",
                code="source.value",
            ) from None


def _common(words: set[str]) -> str:
    """How the union of several files stores a column: DuckDB widens to a type that holds them all."""
    order = ("timestamp_ns", "timestamp", "timestamp_ms", "json", "uuid", "enum", "double", "bigint")
    return next((word for word in order if word in words), "bigint")


def _mark_of(file: str) -> Mark | None:
    try:
        return Mark.of(os.lstat(file))
    except OSError:
        return None
