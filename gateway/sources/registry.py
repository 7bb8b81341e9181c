"""Which sources there are.

To add an adapter: one file with a class that satisfies ports.Source and passes tests/conformance/, and one line in
SOURCES. SQL that it needs is a Dialect in render/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.errors import Invalid, Unavailable, Unsupported
from gateway.ports import Source, SourceSession
from gateway.sources.duckdb import DuckdbSource
from gateway.sources.mariadb import MariadbSource, address_of
from gateway.sources.parquet import ParquetSource
from gateway.sources.postgres import PostgresSource
from gateway.sources.sqlite import SqliteSource
from gateway.terms.document import Node, parse
from gateway.terms.plan import Snapshot
from gateway.terms.streams import Tally

Opener = Callable[[str, str, Path], Source]
"""Takes the source's name, what follows `scheme://` in its URL, and the folder that relative files resolve against."""

_SOURCE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _sqlite(name: str, rest: str, folder: Path) -> Source:
    return SqliteSource(name, _path(name, rest, folder=folder, scheme="sqlite", what="file"))


def _duckdb(name: str, rest: str, folder: Path) -> Source:
    return DuckdbSource(name, _path(name, rest, folder=folder, scheme="duckdb", what="file"))


def _parquet(name: str, rest: str, folder: Path) -> Source:
    path = _path(name, rest, folder=folder, scheme="parquet", what="folder").resolve()
    if any(character in str(path) for character in "=*?[]{}\\"):
        # DuckDB reads columns and patterns out of a path
        raise Invalid(f"source {name}: the folder's path holds one of = * ? [ ] {{ }} \\", code="source")
    return ParquetSource(name, path)


def _path(name: str, rest: str, *, folder: Path, scheme: str, what: str) -> Path:
    if not rest.startswith("/") or len(rest) == 1 or "?" in rest or "#" in rest:
        raise Invalid(
            f"source {name}: write {scheme}:///{what} or {scheme}:////absolute/{what}, without options", code="source"
        )
    return folder / rest[1:]


def _postgresql(name: str, rest: str, folder: Path) -> Source:  # noqa: ARG001 - it names no file of ours
    return PostgresSource(name, f"postgresql://{rest}")


def _mariadb(name: str, rest: str, folder: Path) -> Source:
    return MariadbSource(name, address_of(name, rest, folder=folder))


SOURCES: Final[Mapping[str, Opener]] = MappingProxyType(
    {
        "duckdb": _duckdb,
        "mariadb": _mariadb,
        "mysql": _mariadb,
        "parquet": _parquet,
        "postgresql": _postgresql,
        "sqlite": _sqlite,
    }
)
"""URL scheme to adapter."""


class RowsOnly:
    """A source that is asked for rows only, by its operator's choice."""

    aggregates_near_data: Final = False

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def consistency(self) -> Snapshot:
        """See ports.Source."""
        return self._source.consistency

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        """See ports.Source."""
        return self._source.session(receipt=receipt, deadline=deadline, tally=tally)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        return self._source.check()


def open_sources(path: Path) -> Mapping[str, Source]:
    """Bind source names to connections as the file says: `core: {url: "sqlite:///bank.db"}`.

    `aggregates_near_data: false` beside the url has the gateway read rows where it would ask for groups.
    A value `file:PATH` is read from that file. Relative files resolve against the file's folder. Nothing is opened yet.

    Raises:
        Unavailable: the file, or one that it refers to, cannot be read.
        Invalid: not such a mapping. No text repeats a URL.
        Unsupported: a scheme that is not offered, or an environment variable.
    """
    document = parse(_read(path, "the sources file"), file=path.name)
    bindings = document.mapping() if document.value is not None else {}
    return {name: _opened(name, node, path.absolute().parent) for name, node in bindings.items()}


def _opened(name: str, node: Node, folder: Path) -> Source:
    if _SOURCE_NAME.fullmatch(name) is None:
        raise node.fail("a source's name is made of a-z, 0-9 and _, and begins with a letter")
    bound = node.mapping(required=frozenset({"url"}), optional=frozenset({"aggregates_near_data"}))
    url = bound["url"].text()
    if "${" in url:
        raise Unsupported(f"source {name}: the environment is not read here", code="source", fix="write file:PATH")
    if url.startswith("file:"):
        url = _read(folder / url.removeprefix("file:"), f"source {name}: the file that its url refers to").strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SOURCES:
        raise Unsupported(f"source {name}: its scheme is not offered; offered: {', '.join(SOURCES)}", code="source")
    source = SOURCES[scheme](name, rest, folder)
    choice = bound["aggregates_near_data"].plain() if "aggregates_near_data" in bound else True
    if not isinstance(choice, bool):
        raise node.fail("aggregates_near_data is true or false")
    return source if choice else RowsOnly(source)


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        raise Unavailable(f"{what} cannot be read", code="source") from None
