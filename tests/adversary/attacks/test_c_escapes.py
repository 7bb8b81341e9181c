"""C. Escape from the sandbox or the policy."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app import Control, Host
from gateway.delivery import FORMATS
from gateway.errors import GatewayError
from tests import bank
from tests.adversary.attacks.attackers import EMAIL, Attackers, fresh
from tests.house import POLICIES, open_house, settings_for


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM 'x.parquet'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT read_text('/etc/passwd')",
        "COPY core.customers TO '/tmp/x'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "EXPORT DATABASE '/tmp/x'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
    ],
)  # fmt: skip
def test_c1_file_and_network(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith(("unsupported.", "invalid."))


@pytest.mark.parametrize("name", ["streams", "answer", "raw", "batch", "self", "core", "__scan_1", "__scan_1_raw"])
def test_c2_replacement_scan(attack: Attackers, name: str) -> None:
    assert attack.refused("ana", f"SELECT * FROM {name}") in {"invalid.dataset", "invalid.name"}


@pytest.mark.parametrize(
    "sql",
    [
        "SET python_enable_replacements = true",
        "SET memory_limit = '50GB'",
        "SET SESSION AUTHORIZATION postgres",
        "CALL enable_logging()",
        "RESET ALL",
        "PRAGMA database_list",
        "USE memory",
        "BEGIN",
        "VACUUM",
    ],
)
def test_c3_reconfigure(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith(("unsupported.", "invalid.syntax"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT region FROM core.customers; DROP TABLE x",
        "FROM core.customers",
        "TABLE core.customers",
        "SELECT $$x$$ FROM core.customers",
        'SELECT "EMAIL" FROM core.customers',
        "SELECT ｅｍａｉｌ FROM core.customers",
        "SELECT email FROM core.customers WHERE $1",
    ],
)
def test_c5_parser_differential(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith(("unsupported.", "invalid."))


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "email" FROM "core"."customers"',
        "SELECT EMAIL FROM CORE.CUSTOMERS",
        "SELECT email FROM core.customers -- ; DROP TABLE x",
        "SELECT email /* , full_name */ FROM core.customers",
        "SELECT core.customers.email FROM core.customers",
    ],
)
def test_c5_other_spellings_are_the_same_query(attack: Attackers, sql: str) -> None:
    assert attack.answered("ana", sql) == attack.answered("ana", "SELECT email FROM core.customers")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE MACRO f() AS TABLE SELECT * FROM core.accounts",
        "CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql",
        "CREATE TEMP VIEW v AS SELECT 1",
        "LOAD httpfs",
        "DO 'x'",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
    ],
)
def test_c7_macros_functions_and_extensions(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith(("unsupported.", "invalid.syntax"))


def test_c8_sideways_objects(tmp_path: Path) -> None:
    """They are in the source and not in the catalog, or not for her: one answer for both and for what is nowhere."""
    tables = bank.first_world()
    path = bank.write(tables, tmp_path / "core.db")
    with contextlib.closing(sqlite3.connect(path)) as source:
        source.execute("CREATE VIEW customers_view AS SELECT * FROM customers")
        source.execute("CREATE TABLE customers_2024 AS SELECT * FROM customers")
        source.commit()
    with open_house(tmp_path, bank=path, sandbox_warm_children=1) as house:
        attackers = Attackers(house, tables)
        for name in ("customers_2024", "customers_view", "call_notes", "nowhere"):
            assert attackers.refused("ana", f"SELECT * FROM core.{name}") == "invalid.dataset"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM core.customers AT (VERSION => 1)",
        "SELECT * FROM core.customers FOR SYSTEM_TIME AS OF '2024-01-01'",
        "SELECT * FROM core.customers FOR VERSION AS OF 1",
        "SELECT ssn_before_2020 FROM core.customers",
        'SELECT * FROM core."customers@1"',
    ],
)
def test_c9_time_travel(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith(("unsupported.", "invalid."))


@pytest.mark.parametrize("name", ["pseudonymize", "pseudonym", "mask", "hmac", "sha256", "md5", "hash"])
def test_c11_mask_function_as_an_oracle(attack: Attackers, name: str) -> None:
    assert attack.refused("ana", f"SELECT {name}('{EMAIL}') FROM core.customers") == "unsupported.function"


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "x"" , email --" FROM core.customers',
        'SELECT * FROM core."customers; DROP TABLE x"',
        'SELECT * FROM core."customers"" WHERE 1=1 --"',
        'SELECT * FROM "core"".""customers"',
    ],
)
def test_c12_injection_through_names(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith("invalid.")


@pytest.mark.parametrize("text", ["EU'' OR ''1''=''1", "''; DROP TABLE customers; --", "\\'' OR 1=1 --"])
def test_c12_injection_through_a_literal_that_the_source_gets(attack: Attackers, text: str) -> None:
    assert attack.answered("ana", f"SELECT region FROM core.customers WHERE region = '{text}'") == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO core.customers (customer_id) VALUES (1) RETURNING *",
        "UPDATE core.call_notes SET note = agent",
        "DELETE FROM core.customers",
        "TRUNCATE core.customers",
        "MERGE INTO core.customers USING core.accounts ON true WHEN MATCHED THEN DELETE",
        "CREATE TABLE x AS SELECT * FROM core.customers",
        "SELECT * INTO x FROM core.customers",
        "WITH d AS (DELETE FROM core.customers RETURNING *) SELECT * FROM d",
        "SELECT region FROM core.customers FOR UPDATE",
        "DROP TABLE core.customers",
    ],
)
def test_c14_write_paths(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith("unsupported.")


def test_c15_fail_open_when_the_source_is_gone(tmp_path: Path) -> None:
    with fresh(tmp_path, bank.first_world()) as attackers:
        (tmp_path / "core.db").unlink()
        told = attackers.ask("ana", "SELECT email FROM core.customers")
    assert told.code.startswith("unavailable.")
    assert told.result == "failed"


def test_c15_fail_open_when_the_projects_keys_are_gone(tmp_path: Path) -> None:
    with fresh(tmp_path, bank.first_world()) as attackers:
        (attackers.house.settings.home / "keys" / "ring.json").unlink()
        told = attackers.ask("ana", "SELECT email FROM core.customers")
    assert told.code.startswith(("unavailable.keys", "integrity.keys"))
    assert told.result == "denied", "the epoch is chosen before anything is read"


def test_c15_fail_open_when_the_key_encryption_key_is_gone(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, bank=bank.write(bank.first_world(), tmp_path / "core.db"))
    Host().initialize(settings)
    settings.kek_path.unlink()
    with pytest.raises(GatewayError) as refused:
        Control(settings)
    assert refused.value.code == "unavailable.keys.file"


def test_c15_fail_open_at_one_bad_value(tmp_path: Path) -> None:
    """A value that its column cannot hold ends the answer; neither it nor any row of its batch is told."""
    tables = bank.first_world(customers=400)
    bad = next(row for row in reversed(tables["customers"]) if row["region"] == "DE")
    bad["birth_date"] = "ZQX-BIRTH-DATE"
    with fresh(tmp_path, tables) as attackers:
        told = attackers.ask("ana", "SELECT email, birth_date FROM core.customers")
    assert told.code.startswith("integrity.")
    assert told.result == "failed"
    assert "ZQX-BIRTH-DATE" in bank.canaries(tables)


def test_c15_fail_open_when_the_log_cannot_be_written(tmp_path: Path) -> None:
    """Neither answer nor refusal comes without its record."""
    with fresh(tmp_path, bank.first_world()) as attackers:
        with contextlib.closing(sqlite3.connect(attackers.house.settings.home / "control.db")) as control:
            control.execute("DELETE FROM audit_head")
            control.commit()
        for sql in ("SELECT region FROM core.customers", "SELECT * FROM core.nowhere"):
            with pytest.raises(GatewayError) as refused:
                attackers.house.ask(attackers.tokens["ana"], sql, purpose=bank.ANA[1])
            assert refused.value.code == "integrity.log"


def test_c15_fail_open_at_a_corrupt_policy(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    with (policies / "grants.yaml").open("a") as grants:
        grants.write("- {id: everything, role: intern, level: full}\n")
    path = bank.write(bank.first_world(), tmp_path / "core.db")
    with pytest.raises(GatewayError) as refused, open_house(tmp_path, bank=path, policies=policies):
        pass
    assert refused.value.code.startswith("invalid.")
    assert "grants.yaml" in f"{refused.value} {refused.value.reasons}"


def test_c17_path_divergence(attack: Attackers) -> None:
    """The same rows and the same decision in every format; the doors are compared in tests/acceptance."""
    sql, told, decisions = "SELECT email, region, segment FROM core.customers", [], set()
    for form in FORMATS:
        body, answer = attack.house.ask(attack.tokens["ana"], sql, purpose=bank.ANA[1], form=form)
        decisions.add(answer.headers["Gateway-Decision"])
        told.append(_rows(body, form))
    assert len(told) == len(FORMATS)
    assert all(rows == told[0] for rows in told)
    assert len(decisions) == 1


def _rows(body: bytes, form: str) -> list[tuple[str, ...]]:
    match form:
        case "arrow" | "arrow_lz4" | "arrow_zstd":
            return [tuple(row.values()) for row in pa.ipc.open_stream(body).read_all().to_pylist()]
        case "parquet":
            return [tuple(row.values()) for row in pq.read_table(pa.BufferReader(body)).to_pylist()]
        case "csv" | "csv_exact":
            return [tuple(row) for row in csv.reader(io.StringIO(body.decode()))][1:]
        case _:
            return [tuple(row) for row in json.loads(body)["rows"]]
