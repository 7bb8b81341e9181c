"""The embedded bank is the same in every kind of source: the same rows, the same types, the same figures."""

from __future__ import annotations

import contextlib
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from gateway.catalog import read_catalog
from gateway.demo.bank import build_bank, drop_bank, load_bank
from gateway.demo.bank.servers import MariadbTarget, PostgresTarget
from gateway.demo.stage import policy_folder
from gateway.errors import Denied, Unavailable, Unsupported
from gateway.governance import read_policies
from gateway.ports import Source
from gateway.sources import SOURCES
from gateway.terms.dataset import Dataset
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.predicate import OneOf
from gateway.terms.streams import Tally
from tests.maria import Database, mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server  # noqa: F401 - a fixture

DATASETS = read_catalog(read_policies(policy_folder()))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bank(tmp_path_factory.mktemp("bank") / "core.db", transactions=20_000).path


def opened(url: str) -> Source:
    scheme, _, rest = url.partition("://")
    return SOURCES[scheme]("core", rest, Path("/"))


def scan(dataset: Dataset, **more: object) -> Scan:
    plain = {
        "aux_columns": (),
        "rows": None,
        "follow": None,
        "pushed": None,
        "columns": tuple(dataset.columns.values()),
    }
    return Scan(id="__scan_1", dataset=dataset.name, source="core", table=dataset.table, **plain | more)


def read(source: Source, dataset: Dataset) -> pa.Table:
    session = source.session(receipt="r_test", deadline=time.monotonic() + 60, tally=Tally())
    with contextlib.closing(session), session.scan(scan(dataset)) as stream:
        table = pa.Table.from_batches(list(stream), schema=stream.schema)
    return table.sort_by(table.column_names[0]).combine_chunks()


def grouped(source: Source) -> pa.Table:
    customers = DATASETS["core.customers"].columns
    columns = (customers["segment"], customers["income"])
    filtered = scan(
        DATASETS["core.customers"],
        columns=columns,
        aux_columns=(customers["customer_id"], customers["region"]),
        rows=OneOf("region", ("DE", "FR")),
    )
    guarded = GuardedScan(
        scan=filtered,
        subject="customer_id",
        dimensions=("segment",),
        measures=(Measure(name="__measure_1", function="sum", column="income"),),
        filter=None,
    )
    session = source.session(receipt="r_test", deadline=time.monotonic() + 60, tally=Tally())
    with contextlib.closing(session), session.group(guarded) as stream:
        return pa.Table.from_batches(list(stream), schema=stream.schema).sort_by("__subject").combine_chunks()


def assert_same(bank: Path, url: str) -> None:
    ours, theirs = opened(f"sqlite:///{bank}"), opened(url)
    for dataset in DATASETS.values():
        want = read(ours, dataset)
        assert want.num_rows > 0
        assert read(theirs, dataset).equals(want), dataset.name
    assert grouped(theirs).equals(grouped(ours))


def follow_the_whole_life(bank: Path, url: str, run: Callable[[str], object]) -> None:
    drop_bank(url)
    run("CREATE SCHEMA gateway_demo")
    try:
        for act in (lambda: load_bank(bank, url), lambda: drop_bank(url)):
            with pytest.raises(Denied, match="did not make"):
                act()
    finally:
        run("DROP SCHEMA gateway_demo")
    assert_same(bank, load_bank(bank, url))
    assert_same(bank, load_bank(bank, url))  # the demo's own is replaced
    drop_bank(url)
    drop_bank(url)
    run("CREATE SCHEMA gateway_demo")  # nothing was left
    run("DROP SCHEMA gateway_demo")


@pytest.mark.postgres
def test_the_bank_is_the_same_in_postgres(bank: Path, postgres_server: str) -> None:  # noqa: F811 - the fixture
    def run(statement: str) -> None:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(statement.encode())

    follow_the_whole_life(bank, postgres_server, run)


@pytest.mark.mariadb
def test_the_bank_is_the_same_in_mariadb(bank: Path, mariadb: Database) -> None:  # noqa: F811 - the fixture
    follow_the_whole_life(bank, mariadb.url, mariadb.run)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_not_there_is_unavailable(bank: Path, scheme: str) -> None:
    with pytest.raises(Unavailable) as caught:
        load_bank(bank, f"{scheme}://user:ZQX-SECRET@127.0.0.1:1/db")
    assert "ZQX-SECRET" not in f"{caught.value} {caught.value.fix}"
    assert caught.value.__suppress_context__


def test_another_kind_of_server_is_refused(bank: Path) -> None:
    with pytest.raises(Unsupported):
        load_bank(bank, "oracle://u:p@h/d")


def test_the_sources_url_keeps_the_account_and_names_the_schema() -> None:
    url = urllib.parse.urlsplit(PostgresTarget("postgresql://u:p%40@h:5/d?sslmode=require&options=-cx%3D1").source_url)
    assert url.netloc == "u:p%40@h:5"
    assert urllib.parse.parse_qsl(url.query) == [("sslmode", "require"), ("options", "-csearch_path=gateway_demo")]
    assert MariadbTarget("mysql://u:p%40@h:5/d?ssl_ca=c").source_url == "mysql://u:p%40@h:5/gateway_demo?ssl_ca=c"
