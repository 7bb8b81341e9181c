"""A loan-default extract of a real bank's data: four joined tables in PostgreSQL, from the order to the model."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from etl.manifest import verify
from gateway.client import Gateway, Refused
from gateway.client.extracts.version import Version
from tests.house import House, open_house
from tests.integration import berka
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.etl.test_openlineage import check_event, registry  # noqa: F401 - a fixture
from tests.unit.http.door import open_door, wait_for

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(not berka.FOLDER.is_dir(), reason="the Berka files are not here"),
]
MODEL = "loan-default"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """What the data scientist has at the end."""

    house: House
    session: Gateway
    version: Version
    folder: Path
    frame: pd.DataFrame
    events: Path


@pytest.fixture
def trained(tmp_path: Path, postgres_url: str) -> Iterator[Trained]:  # noqa: F811 - the fixture
    berka.load(postgres_url)
    events = tmp_path / "events.jsonl"
    more = {"policies": berka.write_policies(tmp_path / "policies"), "source_url": postgres_url}
    more |= {"openlineage_file": events, "schedule_seconds": 0.2}
    with open_house(tmp_path, bank=tmp_path / "none", **more) as house, open_door(house.gateway.services()) as url:
        house.gateway.start_jobs(worker=True)
        session = Gateway(url, token=house.token("mo", berka.ROLE))
        with session:
            order = {"name": MODEL, "model": MODEL, "sql": berka.SQL, "purpose": berka.PURPOSE, "environment": "dev"}
            version = session.extract(order, subject="client_id", snapshot="consistent").wait(60, progress=False)
            folder, frame = version.download(tmp_path / "data", progress=False), version.to_pandas()
            session.register_model(MODEL, "1", [version], metrics={"rows": len(frame)})
            yield Trained(house=house, session=session, version=version, folder=folder, frame=frame, events=events)


def test_the_version_verifies_and_is_of_the_bank(trained: Trained) -> None:
    found = verify(trained.folder, verifier_key=trained.house.host.verifier_key(trained.house.settings))
    assert found.ok, found.findings
    assert (found.version, found.rows) == (f"{MODEL}@1", berka.LOANS)
    assert trained.version.manifest["snapshot"]["consistency"] == "exported"

    loans = berka.rows_of("loan")
    told = [(row["amount"], row["duration"], row["status"] in {"B", "D"}) for row in loans]
    frame = trained.frame
    assert Counter(zip(frame["amount"].astype(int), frame["duration"], frame["is_default"], strict=True)) == Counter(
        told
    )


def test_clients_and_accounts_are_pseudonyms_that_join_and_dates_are_coarse(trained: Trained) -> None:
    owners = {row["account_id"]: row["client_id"] for row in berka.rows_of("disp") if row["type"] == "OWNER"}
    loans = berka.rows_of("loan")
    frame = trained.frame
    assert frame["client_id"].nunique() == len({owners[row["account_id"]] for row in loans})
    assert frame["account_id"].nunique() == len({row["account_id"] for row in loans})
    raw = {str(number) for pair in owners.items() for number in pair}
    assert not raw & {*frame["client_id"].astype(str), *frame["account_id"].astype(str)}
    days = trained.version.to_arrow(columns=["birth_date", "granted_on"]).to_pylist()
    assert {(row["birth_date"].month, row["birth_date"].day) for row in days} == {(1, 1)}
    granted = [berka.day(row["date"], century=2000) for row in loans]
    assert Counter(row["granted_on"] for row in days) == Counter(day and day.replace(day=1) for day in granted)


def test_pandas_polars_and_duckdb_read_the_same_rows(trained: Trained) -> None:
    files = sorted(str(path) for path in trained.folder.glob("*.parquet"))
    with duckdb.connect() as connection:
        by_duckdb = connection.sql("SELECT * FROM read_parquet($files)", params={"files": files}).to_arrow_table()
    by_pandas = pa.Table.from_pandas(trained.frame, preserve_index=False)
    by_polars = trained.version.to_polars().to_arrow()
    from_disk = pl.read_parquet(files).to_arrow()
    wanted = _rows(trained.version.to_arrow())
    assert len(wanted) == berka.LOANS
    for table in (by_pandas, by_polars, from_disk, by_duckdb):
        assert _rows(table) == wanted


def _rows(table: pa.Table) -> list[tuple[str, ...]]:
    """Sorted, by value: a date is a day and a decimal its two places, whatever type a library gave them."""
    return sorted(tuple(_text(value) for value in row.values()) for row in table.to_pylist())


def _text(value: object) -> str:
    return str(value.date()) if isinstance(value, datetime.datetime) else str(value)


def test_lineage_is_told_from_both_ends(trained: Trained) -> None:
    down = trained.session.lineage(model=f"{MODEL}@1")
    print(json.dumps(down, indent=1))
    columns = _names(down, "column")
    used = {"client.client_id", "client.birth_date", "disp.type", "account.frequency", "loan.amount", "loan.status"}
    assert {f"core.{name}" for name in used} <= columns
    assert "core.client.district_id" not in columns
    assert (_names(down, "version"), _names(down, "grant")) == ({f"{MODEL}@1"}, {"loans-dev"})
    assert _names(down, "policy") == {trained.version.manifest["policy_digest"]}

    up = trained.session.lineage(column="core.loan.amount")
    print(json.dumps(up, indent=1))
    assert (_names(up, "version"), _names(up, "model")) == ({f"{MODEL}@1"}, {f"{MODEL}@1"})
    (model,) = trained.session.model_versions(MODEL)
    assert model["evidence"] == "sdk"
    with pytest.raises(Refused):
        trained.session.lineage(column="core.loan.nothing")


def _names(graph: dict[str, Any], kind: str) -> set[str]:
    return {node["name"] for node in graph["nodes"] if node["kind"] == kind}


def test_the_events_of_the_extract_are_openlineage(trained: Trained, registry: Any) -> None:  # noqa: F811 - the fixture
    wait_for(lambda: trained.events.exists() and len(trained.events.read_text().splitlines()) >= 2)
    events = [json.loads(line) for line in trained.events.read_text().splitlines()]
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [("START", MODEL), ("COMPLETE", MODEL)]
    for event in events:
        check_event(event, registry)
    inputs = {found["name"] for found in events[-1]["inputs"]}
    assert inputs == {"core.loan", "core.account", "core.disp", "core.client"}
