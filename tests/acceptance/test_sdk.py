"""The SDK against a running `gateway serve`: each example of docs/sdk.md, and what a script relies on."""

from __future__ import annotations

import datetime
import decimal
import doctest
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gateway.client as gw
from gateway.app import Host
from gateway.settings import Settings
from tests import bank
from tests.acceptance.proxy import cutting_proxy
from tests.house import REPOSITORY, settings_for
from tests.server import Server
from tests.unit.http.door import big_bank

PURPOSE = bank.ANA[1]
SQL = "SELECT customer_id, region, income, birth_date, updated_at FROM core.customers"
ROWS = 12
"""Of Ana's regions among 48 customers."""
BIG = "SELECT transaction_id, amount, category FROM core.transactions"
SPEC = {
    "name": "loan-default",
    "sql": "SELECT customer_id, region, income FROM core.customers",
    "purpose": PURPOSE,
    "environment": "dev",
    "subject": "customer_id",
}
PEOPLE = {
    "ana": (bank.ANA[0], "dev"),
    "dora": (bank.ANA[0], "dev"),
    "ida": ("intern", "dev"),
    "aude": ("auditor", "dev"),
    "otto": ("data-owner", "prod"),
}


class Place:
    """A server and a token for each person."""

    def __init__(self, server: Server, settings: Settings) -> None:
        self.server, self.url = server, server.url
        with Host().token_desk(settings) as (desk, actor):
            made = {
                name: desk.create(
                    actor,
                    principal=name,
                    roles=frozenset({role}),
                    environment=environment,
                    lifetime=datetime.timedelta(hours=1),
                )
                for name, (role, environment) in PEOPLE.items()
            }
        self.tokens = {name: text for name, (_, text) in made.items()}

    def connect(self, who: str = "ana", *, url: str = "") -> gw.Gateway:
        return gw.connect(url or self.url, self.tokens[who])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("sdk")
    source = big_bank(root / "core.db", transactions=60_000)
    source.chmod(0o600)
    settings = settings_for(root, bank=source)
    Host().initialize(settings)
    with Server(settings, stderr=root / "stderr", sandbox_warm_children="1", rows_per_day="10000000") as server:
        yield Place(server, settings)


@pytest.fixture
def g(place: Place) -> Iterator[gw.Gateway]:
    with place.connect() as opened:
        yield opened


# The page


def test_every_example_of_the_page_works(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_URL", place.url)
    monkeypatch.setenv("GATEWAY_TOKEN", place.tokens["dora"])
    monkeypatch.chdir(tmp_path)
    page = str(REPOSITORY / "docs" / "sdk.md")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(page, module_relative=False, optionflags=flags)
    assert (failed, tried > 30) == (0, True)


# Queries


def test_decimals_dates_and_missing_values_come_as_they_are(g: gw.Gateway) -> None:
    result = g.query(SQL, purpose=PURPOSE)
    table, frame, polars = result.to_arrow(), result.to_pandas(), result.to_polars()
    exact = table.column("income").to_pylist()
    assert len(exact) == ROWS
    assert {type(value) for value in exact} == {decimal.Decimal, type(None)}
    assert [None if value is pd.NA else value for value in frame["income"]] == exact
    assert polars["income"].to_list() == exact
    assert (str(frame["region"].dtype), str(frame["birth_date"].dtype)) == ("str", "date32[day][pyarrow]")
    assert polars.schema["income"] == pl.Decimal(12, 2)


def test_an_empty_answer_keeps_its_types(g: gw.Gateway) -> None:
    full = g.query(SQL, purpose=PURPOSE)
    empty = g.query(SQL, purpose=PURPOSE, limit=0)
    assert (empty.to_arrow().num_rows, empty.to_arrow().schema) == (0, full.to_arrow().schema)
    assert empty.to_pandas().dtypes.equals(full.to_pandas().dtypes)
    assert empty.to_polars().schema == full.to_polars().schema


def test_all_ways_to_the_rows_of_one_result_ask_once(place: Place, g: gw.Gateway) -> None:
    def accesses() -> int:
        with place.connect("aude") as aude:
            return len(aude.audit_entries(principal="ana", kind="access", limit=1000))

    before = accesses()
    result = g.query(SQL, purpose=PURPOSE)
    assert accesses() == before
    result.to_arrow()
    result.to_pandas()
    assert sum(batch.num_rows for batch in result.to_batches()) == ROWS
    assert pa.table(result).num_rows == ROWS  # by __arrow_c_stream__
    assert pl.DataFrame(result).height == ROWS
    assert result.receipt
    assert accesses() == before + 1


def test_batches_stream_and_are_gone_afterwards(place: Place) -> None:
    with place.connect("otto") as otto:
        result = otto.query(BIG, purpose="data-quality")
        assert sum(batch.num_rows for batch in result.to_batches()) > 60_000
        assert result.receipt.startswith("r_")
        with pytest.raises(RuntimeError, match="query again"):
            result.to_arrow()


def test_the_decision_is_the_receipts_with_masks_and_rules(g: gw.Gateway) -> None:
    decision = g.query(SQL, purpose=PURPOSE).decision
    told = {column.column: column for column in decision.columns}
    assert told.keys() == {"customer_id", "region", "income", "birth_date", "updated_at"}
    assert (told["income"].level, told["income"].mask) == ("full", "keep")
    assert told["customer_id"].mask == "pseudonym in customer"
    assert all(column.grant == "credit-risk-dev" and ":" in column.rule for column in decision.columns)
    assert decision.receipt in str(decision)


@pytest.mark.parametrize("looks_whole", [False, True])
def test_a_cut_answer_is_incomplete_in_every_way(place: Place, *, looks_whole: bool) -> None:
    ways = (gw.Result.to_arrow, gw.Result.to_pandas, gw.Result.to_polars, pa.table, lambda r: list(r.to_batches()))
    for way in ways:
        with (
            cutting_proxy(place.url, after_bytes=100_000, looks_whole=looks_whole) as url,
            place.connect("otto", url=url) as otto,
            pytest.raises(gw.Incomplete, match="do not use it"),
        ):
            way(otto.query(BIG, purpose="data-quality"))


def test_a_denial_says_what_to_ask_for_and_repeats_nothing(place: Place) -> None:
    sql = "SELECT income FROM core.customers WHERE region = 'ZQX-secret'"
    with place.connect("ida") as ida:
        told = ida.explain(sql, purpose=PURPOSE)
        with pytest.raises(gw.PolicyDenied) as denied:
            ida.query(sql, purpose=PURPOSE).to_arrow()
    assert not told.allowed
    assert any("no-income-for-interns" in reason for reason in denied.value.reasons)
    assert denied.value.receipt
    assert denied.value.reasons[0] in str(denied.value)
    assert "ZQX" not in str(denied.value) + str(told) + repr(denied.value)


def test_errors_have_their_types(place: Place, g: gw.Gateway) -> None:
    with pytest.raises(gw.InvalidRequest):
        g.query("SELECT", purpose=PURPOSE).to_arrow()
    with gw.connect(place.url, "gw_wrong") as stranger, pytest.raises(gw.Unauthenticated):
        stranger.datasets()
    with pytest.raises(gw.PolicyDenied):
        g.version("nobodys@1")


def test_threads_share_a_session(g: gw.Gateway) -> None:
    found: list[int] = []

    def ask() -> None:
        result = [g.query("SELECT region FROM core.customers", purpose=PURPOSE) for _ in range(5)]
        found.extend(one.to_arrow().num_rows for one in result)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ROWS] * 15


# Extracts and models


@pytest.fixture(scope="module")
def version(place: Place) -> str:
    with place.connect() as opened:
        return opened.extract(SPEC).wait(60).id


def test_a_job_is_ordered_from_a_file_with_changes(g: gw.Gateway, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(json.dumps(SPEC))
    job = g.extract(file, name="from-a-file")
    assert job.wait(60, progress=True).id == "from-a-file@1"
    assert SPEC["sql"] not in repr(job) + str(dict(job))


def test_a_job_that_fails_raises_its_code(g: gw.Gateway) -> None:
    job = g.extract(SPEC, name="nobody", sql="SELECT customer_id FROM core.customers WHERE region = 'none'")
    with pytest.raises(gw.ExtractFailed) as failed:
        job.wait(60)
    assert failed.value.code == "invalid.empty"
    assert job.status == "failed"


def test_a_job_that_waits_for_a_person_can_be_waited_for_and_cancelled(g: gw.Gateway) -> None:
    job = g.extract(SPEC, name="no-subject", subject="none")
    assert "waits for approval of p-" in repr(job)
    with pytest.raises(TimeoutError):
        job.wait(0.3)
    with pytest.raises(RuntimeError, match="wait"):
        assert job.version
    assert job.cancel()["state"] == "cancelled"
    with pytest.raises(gw.ExtractFailed):
        job.wait()


def test_a_denied_order_is_denied_at_once(place: Place) -> None:
    with place.connect("ida") as ida, pytest.raises(gw.PolicyDenied):
        ida.extract(SPEC)


def test_a_download_is_what_the_manifest_says_and_is_verified_offline(
    place: Place, g: gw.Gateway, version: str, tmp_path: Path
) -> None:
    opened = g.version(version)
    folder = opened.download(tmp_path / "data")
    opened.verify(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    assert sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet")) == ROWS
    checked = subprocess.run(
        [sys.executable, "-m", "gateway", "extract", "verify", str(folder), "--json"],
        env=place.server.environment(),
        capture_output=True,
        check=True,
    )
    assert json.loads(checked.stdout)["ok"] is True


def test_a_whole_file_is_not_fetched_again_and_a_changed_one_is(
    place: Place, g: gw.Gateway, version: str, tmp_path: Path
) -> None:
    def fetches() -> int:
        with place.connect("aude") as aude:
            found = aude.audit_entries(principal="ana", action="extract-read", limit=1000)
        return sum(entry["payload"]["detail"]["file"].endswith(".parquet") for entry in found)

    opened = g.version(version)
    opened.download(tmp_path / "data")
    before = fetches()
    opened.download(tmp_path / "data")
    assert fetches() == before
    (file,) = (tmp_path / "data").glob("*.parquet")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(gw.Incomplete, match=file.name):
        opened.verify(tmp_path / "data")
    opened.download(tmp_path / "data")
    opened.verify(tmp_path / "data")
    assert fetches() == before + 1


def test_a_folder_of_another_version_is_left_alone(g: gw.Gateway, version: str, tmp_path: Path) -> None:
    g.version(version).download(tmp_path / "data")
    other = g.extract(SPEC).wait(60)
    with pytest.raises(FileExistsError):
        other.download(tmp_path / "data")
    g.version(version).verify(tmp_path / "data")


def test_rows_of_a_version_in_every_form(g: gw.Gateway, version: str) -> None:
    opened = g.version(version)
    table = opened.to_arrow(columns=["income", "region"])
    assert (table.column_names, table.num_rows) == (["income", "region"], ROWS)
    assert opened.to_polars().schema["income"] == pl.Decimal(12, 2)
    assert str(opened.to_pandas()["income"].dtype) == "decimal128(12, 2)[pyarrow]"
    with pytest.raises(KeyError, match="shoe_size"):
        opened.to_arrow(columns=["shoe_size"])


def test_evidence_is_of_the_session_that_read_the_files(place: Place, g: gw.Gateway, version: str) -> None:
    opened = g.version(version)
    unread = g.register_model("unread", "1", [opened], max_age=datetime.timedelta(hours=36))
    assert (unread["evidence"], unread["max_age_seconds"]) == ("declared", 36 * 3600)
    with pytest.raises(ValueError, match="leave it out"):
        g.register_model("unread", "2", [opened], evidence="sdk")
    opened.to_arrow()
    assert g.register_model("read", "1", [version])["evidence"] == "sdk"
    with place.connect() as later:
        assert later.register_model("read", "2", [version])["evidence"] == "declared"


def test_others_versions_and_jobs_are_unknown(place: Place, g: gw.Gateway, version: str) -> None:
    (job,) = [job["id"] for job in g.jobs() if job["version"] == version]
    with place.connect("ida") as ida:
        for ask in (lambda: ida.version(version), lambda: ida.job(job)):
            with pytest.raises(gw.PolicyDenied):
                ask()
