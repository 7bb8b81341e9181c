"""Every query of TPC-H and TPC-DS over PostgreSQL: the gateway answers as the server itself does."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from tests.house import House
from tests.integration.tpc.answers import differences
from tests.integration.tpc.material import Material
from tests.integration.tpc.stand import QUERIES, ROLE, asked, both, load_postgres, open_stand, rows
from tests.pg import postgres_server  # noqa: F401 - a fixture

BPCHAR = psycopg.adapters.types["bpchar"].oid


@pytest.fixture(scope="module")
def benchmarks() -> dict[str, Material]:
    return both()


@pytest.fixture(scope="module")
def server(postgres_server: str, benchmarks: dict[str, Material]) -> Iterator[str]:  # noqa: F811 - the fixture
    """A database of our own: schemas are named like the benchmarks."""
    name = f"tpc_{secrets.token_hex(8)}"
    admin = sa.make_url(postgres_server).set(drivername="postgresql")
    url = admin.set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            with psycopg.connect(url, autocommit=True) as own:
                for benchmark in benchmarks.values():
                    load_postgres(benchmark, own)
            yield url
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def native(server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def house(
    server: str, benchmarks: dict[str, Material], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, str]]:
    urls, root = dict.fromkeys(benchmarks, server), tmp_path_factory.mktemp("tpc")
    with open_stand(root, urls=urls, materials=tuple(benchmarks.values())) as house:
        yield house, house.token("tina", ROLE)


@pytest.mark.postgres
@pytest.mark.parametrize(("kind", "number"), QUERIES)
def test_postgres_and_the_gateway_answer_alike(
    kind: str,
    number: int,
    house: tuple[House, str],
    native: psycopg.Connection,
    benchmarks: dict[str, Material],
) -> None:
    sql = benchmarks[kind].queries[number]
    table, cursor = asked(*house, sql), native.execute(sql.encode())
    assert table.column_names == [column.name for column in cursor.description or ()]
    assert differences(sql, ours=rows(table), theirs=_unpadded(cursor)) == []


def _unpadded(cursor: psycopg.Cursor) -> list[tuple[object, ...]]:
    """The answer, char(n) without the spaces that only fill it up: in PostgreSQL they mean nothing."""
    padded = [column.type_code == BPCHAR for column in cursor.description or ()]
    return [
        tuple(str(v).rstrip(" ") if fills and v is not None else v for v, fills in zip(row, padded, strict=True))
        for row in cursor
    ]
