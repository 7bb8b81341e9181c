"""Which files a table is made of, and what their folders tell.

`customers` is the folder `customers/` or the file `customers.parquet`. Folders are read to any depth, in sorted order;
`key=value` tells a column, as Hive writes it (values percent-encoded, `__HIVE_DEFAULT_PARTITION__` for null). Names
that begin with `_` or `.` are what writers keep for themselves: left out. All else that is no `.parquet` file is
refused: a symbolic link, any other file, and what belongs to a table format whose files hold removed rows.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.errors import Exhausted, Integrity, Unavailable
from gateway.sources.duckdb.mark import Mark

MAX_FILES: Final = 10_000
"""Of one table: rows are given only after every one of them was looked at (70 ms)."""
_MAX_DEPTH: Final = 32
SUFFIX: Final = ".parquet"
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
FORMATS: Final = frozenset({"_delta_log", ".hoodie"})
_SPECIAL: Final = re.compile(r"[*?\[\]{}\\\x00-\x1f\x7f]")
"""DuckDB would take such a path for a pattern, and read other files than these."""
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of one table, sorted by path."""

    marks: Mapping[str, Mark]
    """By path."""
    told: Mapping[str, frozenset[str | None]]
    """By column: the values that folders' names tell, decoded; None for null."""


def files_of(root: Path, path: tuple[str, ...], *, dataset: str) -> Files:
    """The table's files as they are now.

    Raises:
        Integrity: there is no such table, or something in its folder is refused; the text names no path.
        Unavailable: the source's folder does not exist.
        Exhausted: more than MAX_FILES.
    """
    if not path or any(not _KEY.fullmatch(part) for part in path):
        raise Integrity(f"{dataset}: a table is named by A-Z a-z 0-9 _ only", code="source.schema")
    try:
        found = _whole(root, path, dataset)
        marks: dict[str, Mark] = {}
        keys: list[list[tuple[str, str | None]]] = []
        for file, parts in found:
            keys.append([_told(part, dataset) for part in parts if "=" in part])
            marks[file] = Mark.of(os.lstat(file))
            if len(marks) > MAX_FILES:
                raise Exhausted(
                    f"{dataset}: the table is made of more than {MAX_FILES} files",
                    code="files",
                    fix="merge them, or split the table into several datasets",
                )
    except OSError:
        raise Integrity(f"{dataset}: the table's folder cannot be read, or changed meanwhile", code="source") from None
    if not marks:
        raise Integrity(f"{dataset}: the table's folder holds no Parquet file", code="source.schema")
    return Files(marks=marks, told=_columns(keys, dataset))


def _whole(root: Path, path: tuple[str, ...], dataset: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not root.is_dir():
        raise Unavailable(f"{dataset}: the source's folder does not exist", code="source")
    folder = root
    for part in path[:-1]:
        folder /= part
        _require_no_link(folder, dataset)
    place, single = folder / path[-1], folder / f"{path[-1]}{SUFFIX}"
    is_there = [os.path.lexists(place), os.path.lexists(single)]
    if is_there == [False, False]:
        raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
    if all(is_there):
        raise Integrity(f"{dataset}: the table is a folder and a file at once", code="source.schema")
    chosen = place if is_there[0] else single
    _require_no_link(chosen, dataset)
    kind = chosen.lstat().st_mode
    if not (stat.S_ISDIR(kind) if is_there[0] else stat.S_ISREG(kind)):
        raise Integrity(f"{dataset}: a folder or a file is needed", code="source.schema")
    return _within(chosen, (), dataset) if is_there[0] else iter([(str(chosen), ())])


def _require_no_link(path: Path, dataset: str) -> None:
    if path.is_symlink():
        raise Integrity(f"{dataset}: a symbolic link is not followed", code="source.schema")


def _within(folder: Path, parts: tuple[str, ...], dataset: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if len(parts) > _MAX_DEPTH:
        raise Integrity(f"{dataset}: folders lie more than {_MAX_DEPTH} deep", code="source.schema")
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name in FORMATS:
            raise Integrity(
                f"{dataset}: a Delta or Hudi table's files hold rows that were removed; they are not read as they lie",
                code="source.schema",
                fix="write the table's current state as plain Parquet files",
            )
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_symlink():
            raise Integrity(f"{dataset}: a symbolic link is not followed", code="source.schema")
        if _SPECIAL.search(entry.name):
            raise Integrity(
                f"{dataset}: a name holds one of * ? [ ] {{ }} \\ or a control character", code="source.schema"
            )
        if entry.is_dir(follow_symlinks=False):
            yield from _within(Path(entry.path), (*parts, entry.name), dataset)
        elif entry.is_file(follow_symlinks=False) and entry.name.endswith(SUFFIX):
            yield entry.path, parts
        else:
            raise Integrity(f"{dataset}: the folder holds what is no .parquet file", code="source.schema")


def _told(part: str, dataset: str) -> tuple[str, str | None]:
    key, _, value = part.partition("=")
    if not _KEY.fullmatch(key) or "=" in value:
        raise Integrity(f"{dataset}: a folder's name is not KEY=VALUE", code="source.schema")
    if value == _NULL:
        return key, None
    try:
        return key, urllib.parse.unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise Integrity(f"{dataset}: a folder's name is not UTF-8", code="source.schema") from None


def _columns(keys: list[list[tuple[str, str | None]]], dataset: str) -> Mapping[str, frozenset[str | None]]:
    names = [key for key, _ in keys[0]]
    if len({name.lower() for name in names}) < len(names) or any([k for k, _ in each] != names for each in keys):
        raise Integrity(f"{dataset}: not all files lie in folders of the same keys", code="source.schema")
    return {name: frozenset(each[place][1] for each in keys) for place, name in enumerate(names)}
