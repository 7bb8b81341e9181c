"""The server's failures in our words: its own texts may hold SQL, names of accounts or values."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pymysql
from pymysql.constants import ER

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable

DRIVER_ERRORS: Final = (pymysql.MySQLError, OSError, ValueError, RuntimeError, AssertionError, IndexError, struct.error)
"""What PyMySQL raises for a server that refuses, vanishes or does not keep to the protocol, and Arrow for misfits."""

_NO_ACCESS: Final = "the server refuses the gateway's account"
_NOT_ALLOWED: Final = "the gateway's account may not read this"
_TOO_MANY: Final = "too many connections; try again"
_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1698: _NO_ACCESS,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
        ER.ACCESS_DENIED_ERROR: _NO_ACCESS,
        ER.DBACCESS_DENIED_ERROR: _NO_ACCESS,
        ER.HOST_NOT_PRIVILEGED: _NO_ACCESS,
        ER.BAD_DB_ERROR: "the server has no such database",
        ER.TABLEACCESS_DENIED_ERROR: _NOT_ALLOWED,
        ER.COLUMNACCESS_DENIED_ERROR: _NOT_ALLOWED,
        ER.CON_COUNT_ERROR: _TOO_MANY,
        ER.TOO_MANY_USER_CONNECTIONS: _TOO_MANY,
        ER.USER_LIMIT_REACHED: _TOO_MANY,
        ER.LOCK_WAIT_TIMEOUT: "a writer holds the table; try again later",
        1412: "a table was changed while it was read; try again",  # ER_TABLE_DEF_CHANGED
        2003: "the server cannot be reached",  # CR_CONN_HOST_ERROR
        2013: "the connection broke",  # CR_SERVER_LOST
    }
)
_OUT_OF_TIME: Final = frozenset(
    {
        1969,  # MariaDB: max_statement_time
        3024,  # MySQL: max_execution_time
    }
)
_DRIFTED: Final = frozenset({ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR})


def translated(error: Exception, *, source: str, dataset: str = "") -> GatewayError:
    """What happened, naming the source or the dataset."""
    where = dataset or f"source {source}"
    if isinstance(error, TimeoutError):
        return _too_slow(source)
    if not isinstance(error, pymysql.MySQLError):
        if isinstance(error, ValueError):
            return Integrity(f"{where}: the server did not deliver what was asked for", code="source")
        return Unavailable(f"source {source}: the server could not be read", code="source")
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number in _OUT_OF_TIME:
        return _too_slow(source)
    if number in _DRIFTED:
        return Integrity(f"{where}: the table or a column is gone; has its schema changed?", code="source.schema")
    return Unavailable(f"source {source}: {_TEXTS.get(number, 'the server could not be read')}", code="source")


def _too_slow(source: str) -> Exhausted:
    return Exhausted(
        f"source {source}: reading took longer than allowed",
        code="time",
        fix="ask for fewer rows, or run an extract",
    )
