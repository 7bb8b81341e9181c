"""Every query of TPC-H and TPC-DS over a DuckDB file: the gateway answers as DuckDB itself does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.house import House
from tests.integration.tpc.answers import differences
from tests.integration.tpc.material import Material
from tests.integration.tpc.stand import QUERIES, ROLE, asked, both, open_stand, rows, write_duckdb


@pytest.fixture(scope="module")
def benchmarks() -> dict[str, Material]:
    return both()


@pytest.fixture(scope="module")
def file(benchmarks: dict[str, Material], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_duckdb(tuple(benchmarks.values()), tmp_path_factory.mktemp("file") / "tpc.duckdb")


@pytest.fixture(scope="module")
def native(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """With PostgreSQL's rules where DuckDB lets one choose."""
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("SET integer_division = true")
        connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        yield connection


@pytest.fixture(scope="module")
def house(
    file: Path, benchmarks: dict[str, Material], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, str]]:
    urls, root = dict.fromkeys(benchmarks, f"duckdb:///{file}"), tmp_path_factory.mktemp("tpc")
    with open_stand(root, urls=urls, materials=tuple(benchmarks.values())) as house:
        yield house, house.token("tina", ROLE)


@pytest.mark.parametrize(("kind", "number"), QUERIES)
def test_duckdb_and_the_gateway_answer_alike(
    kind: str,
    number: int,
    house: tuple[House, str],
    native: duckdb.DuckDBPyConnection,
    benchmarks: dict[str, Material],
) -> None:
    sql = benchmarks[kind].queries[number]
    theirs = rows(native.sql(sql).to_arrow_table())
    assert differences(sql, ours=rows(asked(*house, sql)), theirs=theirs) == []
