"""What an operator should know about a PostgreSQL source. Reads the server's catalog, no row of a table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, LiteralString

import psycopg
from psycopg.rows import dict_row

from gateway.errors import GatewayError
from gateway.sources.postgres.address import Address
from gateway.sources.postgres.failures import translated
from gateway.sources.postgres.leader import Leader

_CHECK_SECONDS: Final = 30
_LOOPBACK: Final = ("127.", "::1", "localhost", "/")

_ROLE: Final[LiteralString] = """
SELECT
    r.rolsuper AS is_superuser,
    r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls AS has_powers,
    r.rolconnlimit < 0 AND NOT r.rolsuper AS is_unlimited,
    pg_catalog.current_setting('default_transaction_read_only') = 'off' AS may_open_writes,
    EXISTS (
        SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND (pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
    ) AS may_write,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') OR EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')
    ) AS may_create,
    EXISTS (
        SELECT FROM pg_catalog.pg_roles AS g
        WHERE g.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
            'pg_write_all_data', 'pg_signal_backend')
        AND pg_catalog.pg_has_role(g.oid, 'MEMBER')
    ) AS has_server_roles,
    pg_catalog.pg_is_in_recovery() AS is_replica
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = CURRENT_USER
"""

_WORDS: Final = (
    ("is_superuser", "the gateway's role is a superuser: it needs SELECT on the listed tables only"),
    ("has_powers", "the gateway's role may create roles or databases, replicate, or bypass row security"),
    ("may_write", "the gateway's role may write to a table: REVOKE INSERT, UPDATE, DELETE, TRUNCATE"),
    ("may_create", "the gateway's role may create objects in a schema or the database: REVOKE CREATE"),
    ("has_server_roles", "the gateway's role is a member of a role that acts on the server: REVOKE it"),
    ("is_unlimited", "the gateway's role has no CONNECTION LIMIT"),
    ("may_open_writes", "the gateway's role begins transactions that may write: SET default_transaction_read_only"),
)


def findings(address: Address, *, source: str) -> Sequence[str]:
    """In words; none when all is well. A server that is no replica is only worth a hint, and no finding."""
    try:
        found = [*_server(address, source=source), *_role(address)]
    except GatewayError as error:
        return [error.message]
    except psycopg.Error as error:
        return [translated(error, source=source).message]
    return [f"source {source}: {words}" for words in found]


def _server(address: Address, *, source: str) -> Sequence[str]:
    """Whether it can be read at all: raises as a scan would."""
    leader = Leader(address, source=source, application="gateway check", deadline=time.monotonic() + _CHECK_SECONDS)
    try:
        leader.snapshot()
    finally:
        leader.close()
    return ()


def _role(address: Address) -> list[str]:
    with psycopg.connect(address.checking(), row_factory=dict_row) as connection:
        row = connection.execute(_ROLE).fetchone() or {}
        found = [words for name, words in _WORDS if row.get(name, True)]
        host = connection.info.host
        if not connection.pgconn.ssl_in_use and not host.startswith(_LOOPBACK):
            found.append("the connection is not encrypted: add sslmode=verify-full to the URL")
        return found
