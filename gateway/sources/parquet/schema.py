"""What a folder of Parquet files says is in it.

A folder that holds Parquet files or `key=value` folders is a table; any other holds tables. A file beside them is one.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.sources.described import Draft, Drafts
from gateway.sources.parquet.files import FORMATS, SUFFIX
from gateway.terms.source_schema import SourceSchema

MAX_TABLES: Final = 20_000
_MAX_DEPTH: Final = 8
"""Of folders of tables."""
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
"""Without leading zeros, which a code has and a number loses."""
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the files of a table say."""

    columns: Mapping[str, tuple[str, pa.DataType | None]]
    """By name: how the type is spelled, and what a catalog declares."""
    rows: int
    """By the files' own figures."""


def described(
    root: Path, looked_into: Callable[[tuple[str, ...]], Found], *, source: str, check: Callable[[], None]
) -> SourceSchema:
    """All tables below the folder; one whose files are refused is listed with the reason.

    Raises:
        Unavailable: the folder cannot be read.
        Exhausted: more than MAX_TABLES.
    """
    drafts = Drafts(source)
    try:
        paths = sorted(set(_tables(root, ())))
    except OSError:
        raise Unavailable(f"source {source}: the folder cannot be read", code="source") from None
    if len(paths) > MAX_TABLES:
        raise Exhausted(f"source {source}: the folder holds more than {MAX_TABLES} tables", code="memory")
    for path in paths:
        check()
        _describe(drafts, path, looked_into, check=check)
    return drafts.schema(dialect="duckdb")


def _describe(
    drafts: Drafts,
    path: tuple[str, ...],
    looked_into: Callable[[tuple[str, ...]], Found],
    *,
    check: Callable[[], None],
) -> None:
    try:
        found = looked_into(path)
    except GatewayError as error:
        check()  # it may be what ended the reading
        drafts.add(path, Draft(name=path, refused=error.message))
        return
    drafts.add(path, Draft(name=path, row_estimate=found.rows))
    for name, (spelled, kind) in found.columns.items():
        drafts.add_column(path, name, spelled=spelled, kind=kind, is_nullable=True)


def _tables(folder: Path, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if path and (_is_table(folder) or len(path) >= _MAX_DEPTH):
        yield path
        return
    with os.scandir(folder) as entries:
        listed = [entry for entry in entries if not entry.name.startswith(("_", "."))]
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _tables(folder / entry.name, (*path, entry.name))
        elif entry.name.endswith(SUFFIX) or entry.is_symlink():
            yield (*path, entry.name.removesuffix(SUFFIX))


def _is_table(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        listed = list(entries)
    names = [entry.name for entry in listed]
    return not names or any(name.endswith(SUFFIX) or "=" in name or name in FORMATS for name in names)


def folder_kind(values: frozenset[str | None]) -> pa.DataType:
    """The type that a catalog declares for what folders' names tell."""
    told = [value for value in values if value is not None]
    if told and all(map(_INTEGER.fullmatch, told)):
        return pa.int64()
    if told and all(value in {"true", "false"} for value in told):
        return pa.bool_()
    if told and all(map(_is_date, told)):
        return pa.date32()
    return pa.string()


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        pa.array([text]).cast(pa.date32())
    except pa.ArrowInvalid:
        return False
    return True
