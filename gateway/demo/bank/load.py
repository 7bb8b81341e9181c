"""Copies the embedded bank into a database server, with the server's own types.

The bank gets a schema of its own (MariaDB: a database), `gateway_demo`, which is dropped first where the demo made it
before. One that the demo did not make is somebody's, and is refused.
"""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.demo.bank.servers import SCHEMA, MariadbTarget, PostgresTarget, Target
from gateway.demo.bank.servers.target import MARKER, Row
from gateway.errors import Denied, Unavailable, Unsupported

TABLES: Final = ("customers", "accounts", "transactions", "loans", "call_notes")
"""In the order in which they are copied."""
_TARGETS: Final[Mapping[str, Callable[[str], Target]]] = MappingProxyType(
    {"postgresql": PostgresTarget, "mariadb": MariadbTarget, "mysql": MariadbTarget}
)


def load_bank(bank: Path, url: str) -> str:
    """Copy the bank's tables and indexes into `gateway_demo` on the server; replaces what an earlier demo left there.

    No gateway of this process may read the file meanwhile (see sources/sqlite).

    Args:
        bank: a file that build_bank wrote.
        url: of an account that may create a schema: `postgresql://…` or `mysql://…`.

    Returns:
        The URL that a sources file binds `core` to. Catalog paths stay as they are. It may hold a password.

    Raises:
        Denied: there is a schema of that name that the demo did not make.
        Unavailable: the server or the file cannot be used. No text repeats the URL.
        Unsupported: another kind of server.
    """
    with _target(url) as target:
        _clear(target)
        target.make()
        for table in TABLES:
            target.fill(table, _rows(bank, table))
        target.index()
        return target.source_url


def drop_bank(url: str) -> None:
    """Drop `gateway_demo` from the server, if it is there.

    Raises:
        As load_bank.
    """
    with _target(url) as target:
        _clear(target)


def _target(url: str) -> Target:
    make = _TARGETS.get(urllib.parse.urlsplit(url).scheme)
    if make is None:
        raise Unsupported(
            f"the demo's bank is copied into one of: {', '.join(_TARGETS)}", code="demo", fix="write postgresql://…"
        )
    return make(url)


def _clear(target: Target) -> None:
    tables = target.tables()
    if tables is None:
        return
    if MARKER not in tables:
        raise Denied(
            f"the server has a schema {SCHEMA} that the demo did not make",
            code="demo",
            fix="rename it, or give the demo a database of its own",
        )
    target.drop()


def _rows(bank: Path, table: str) -> Iterator[Row]:
    """The table's rows; decimals are spelled with their two digits, which a float does not promise."""
    try:
        connection = sqlite3.connect(f"file:{urllib.parse.quote(str(bank.absolute()))}?mode=ro", uri=True)
        try:
            declared = connection.execute("SELECT name, type FROM pragma_table_info(?)", [table]).fetchall()
            cells = [f"printf('%.2f', {name})" if kind.startswith("DECIMAL") else name for name, kind in declared]
            # Names are the bank's own.
            yield from connection.execute(f"SELECT {', '.join(cells)} FROM {table}")  # noqa: S608
        finally:
            connection.close()
    except sqlite3.Error:
        raise Unavailable("the demo's bank cannot be read", code="demo") from None
