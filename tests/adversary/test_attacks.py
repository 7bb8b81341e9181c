"""The attacks of sections A, B and C, and those of D and E that can be asked today, each by its id.

Oracles: O1, no canary in body, headers, error or log entry; O3, allowed or refused as stated, with exactly one record
in the log. `Attackers.ask` asserts O1 and the one record for every question. O2 is test_two_worlds.py.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app import Control, Host
from gateway.delivery import FORMATS
from gateway.errors import GatewayError
from gateway.http.models import ExplanationOut
from gateway.terms.audit import EntryFilter, FoundEntry
from gateway.terms.predicate import columns_of
from tests import bank
from tests.house import POLICIES, House, open_house, settings_for

PEOPLE = {
    "ana": (bank.ANA[0], "dev", bank.ANA[1]),
    "rita": ("reporting-analyst", "dev", "regulatory-reporting"),
    "otto": ("data-owner", "prod", "data-quality"),
    "fran": ("fraud-analyst", "dev", "fraud-detection"),
    "nora": ("auditor", "dev", bank.ANA[1]),
}
"""Name → role, environment, purpose. Ana sees pseudonyms, Rita groups, Otto all; Nora has no grant."""
SEES_ALL = "otto"
EMAIL = "zqx-email-000000@bank.example"
CUSTOMER = "770000000"
"""Of the first customer, who lives in DE: Ana sees the row, and neither of the two."""
RARE = "zqx-rare"


@dataclasses.dataclass(frozen=True)
class Told:
    """What the asker got, and what the log says of it."""

    code: str
    """Of the error; empty if the question was answered."""
    rows: list[list[Any]]
    entry: FoundEntry

    @property
    def result(self) -> str | None:
        return self.entry.result


class Attackers:
    """One house, and a token for everybody."""

    def __init__(self, house: House, tables: bank.Tables) -> None:
        self.house = house
        self.tables = tables
        self.tokens = {
            name: house.token(name, role, environment=environment) for name, (role, environment, _) in PEOPLE.items()
        }
        self.canaries = bank.canaries(tables)

    def ask(self, who: str, sql: str, *, purpose: str = "") -> Told:
        """O1, and one record; the decision is for the caller to judge."""
        code, body, shown, newest = "", b"", "", self._newest()
        try:
            body, answer = self.house.ask(self.tokens[who], sql, purpose=purpose or PEOPLE[who][2])
            shown = f"{answer.headers}"
        except GatewayError as error:
            code, shown = error.code, f"{error} {error.reasons} {error.fix}"
        (entry,) = self.house.gateway.control.log_store.search(EntryFilter(after=newest))
        logged = json.dumps([entry.payload, entry.outcome], ensure_ascii=False)
        seen = {"log": logged} if who == SEES_ALL else {"body": body.decode(), "shown": shown, "log": logged}
        leaked = [(channel, c) for channel, text in seen.items() for c in self.canaries if c in text]
        assert not leaked
        return Told(code=code, rows=json.loads(body)["rows"] if body else [], entry=entry)

    def refused(self, who: str, sql: str) -> str:
        """The code of a question that is denied before anything is read."""
        told = self.ask(who, sql)
        assert told.code, "it was answered"
        assert (told.entry.kind, told.result) == ("denial", "denied")
        return told.code

    def answered(self, who: str, sql: str) -> list[list[Any]]:
        """The rows of a question that is allowed."""
        told = self.ask(who, sql)
        assert told.code == ""
        assert (told.entry.kind, told.result) == ("access", "ok")
        return told.rows

    def _newest(self) -> int:
        newest = self.house.gateway.control.log_store.checkpoint()
        return newest.size - 1 if newest else -1


def rare_world() -> bank.Tables:
    """The bank, where one customer alone has all twelve transactions of one category."""
    tables = bank.first_world()
    owner = tables["accounts"][0]["customer_id"]
    for number, row in enumerate(tables["transactions"][:12]):
        tables["transactions"][number] = {**row, "customer_id": owner, "category": RARE}
    return tables


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attackers]:
    root = tmp_path_factory.mktemp("attacks")
    tables = rare_world()
    with open_house(root, bank=bank.write(tables, root / "core.db"), query_seconds=2.0) as house:
        yield Attackers(house, tables)


@contextlib.contextmanager
def fresh(root: Path, tables: bank.Tables) -> Iterator[Attackers]:
    """A house of one test's own, to break."""
    with open_house(root, bank=bank.write(tables, root / "core.db"), sandbox_warm_children=1) as house:
        yield Attackers(house, tables)


# A. Use of a masked column


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT full_name FROM core.customers WHERE email = '{EMAIL}'",
        f"SELECT email FROM core.customers WHERE customer_id = {CUSTOMER}",
        f"SELECT region FROM core.customers WHERE customer_id IN ({CUSTOMER}, 770000037)",
        "SELECT region FROM core.customers WHERE iban LIKE 'ZQX%'",
        "SELECT region FROM core.customers WHERE full_name IS NOT NULL",
        "SELECT region FROM core.customers WHERE street >= 'A'",
    ],
)
def test_a1_predicate_probe(attack: Attackers, sql: str) -> None:
    assert attack.answered("ana", sql) == []


def test_a1_bisecting_a_banded_column_finds_the_bands_edge_and_nothing_within(attack: Attackers) -> None:
    counts = {
        attack.answered("ana", f"SELECT count(*) FROM core.accounts WHERE balance > {bound}")[0][0]
        for bound in ("20000", "20000.01", "20250", "20499.99")
    }
    assert len(counts) == 1


def test_a2_pushdown_of_a_masked_predicate(attack: Attackers) -> None:
    """What the source is asked for is the same whatever the predicate compares with."""
    scans = []
    for where in (f"email = '{EMAIL}'", "email = 'x'", "email > 'x' OR email IS NULL"):
        sql = f"SELECT income FROM core.customers WHERE {where}"
        plan = attack.house.explain(attack.tokens["ana"], sql, purpose=bank.ANA[1]).plan
        assert plan is not None
        scans.append([step.scan for step in plan.steps])
    assert scans[0] == scans[1] == scans[2]
    assert EMAIL not in repr(scans)


def test_a2_a_shown_column_beside_a_masked_one_is_all_that_is_pushed(attack: Attackers) -> None:
    """Also where the masked one is joined to it by OR, or compared by a subquery's own column."""
    for where, columns in (
        (f"email = '{EMAIL}' AND region = 'DE'", {"region"}),
        (f"email = '{EMAIL}' OR region = 'DE'", set()),
        (f"(region = 'DE' OR region = 'FR') AND NOT email = '{EMAIL}'", {"region"}),
        (f"region IN ('DE') AND email IN ('{EMAIL}') AND customer_id = 1", {"region"}),
    ):
        sql = f"SELECT income FROM core.customers WHERE {where}"
        plan = attack.house.explain(attack.tokens["ana"], sql, purpose=bank.ANA[1]).plan
        assert plan is not None
        pushed = [step.scan.pushed for step in plan.steps]
        assert {name for predicate in pushed if predicate for name in columns_of(predicate)} == columns, where
        assert EMAIL not in repr(plan.steps)


def test_a3_alias_function_and_cast_wrap(attack: Attackers) -> None:
    rows = attack.answered(
        "ana",
        "SELECT email AS x, upper(email), substr(email, 1, 99), concat(email, '-'), CAST(email AS text),"
        " lower(email) FROM core.customers",
    )
    assert len(rows) == 12
    assert all(row == [x := row[0], x.upper(), x[:99], f"{x}-", x, x.lower()] for row in rows)


def test_a4_star_holds_masked_columns(attack: Attackers) -> None:
    by_star = attack.answered("ana", "SELECT c.* FROM core.customers AS c")
    by_name = attack.answered("ana", f"SELECT {', '.join(bank.DECLARED['customers'])} FROM core.customers")
    assert sorted(map(repr, by_star)) == sorted(map(repr, by_name))


@pytest.mark.parametrize("expression", ["c", "to_json(c)", "row_to_json(c)", "unnest(c)", "(c).*", "ROW(c.*)"])
def test_a4_whole_rows_and_json(attack: Attackers, expression: str) -> None:
    code = attack.refused("ana", f"SELECT {expression} FROM core.customers AS c")
    assert code.startswith(("unsupported.", "invalid."))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT x.e FROM (SELECT email AS e FROM core.customers) AS x",
        "WITH x AS (SELECT email AS e FROM core.customers) SELECT e FROM x",
        "SELECT (SELECT max(email) FROM core.customers) AS e",
        "SELECT email AS e FROM core.customers UNION ALL SELECT email FROM core.customers",
        f"SELECT email AS e FROM core.customers EXCEPT SELECT '{EMAIL}'",
        "SELECT email AS e FROM core.customers INTERSECT SELECT email FROM core.customers",
        "SELECT v.e FROM (VALUES ((SELECT min(email) FROM core.customers))) AS v(e)",
        "SELECT (SELECT c.email FROM core.customers c WHERE c.customer_id = l.customer_id) AS e FROM core.loans l",
    ],
)
def test_a5_indirection(attack: Attackers, sql: str) -> None:
    pseudonyms = {row[0] for row in attack.answered("ana", "SELECT email FROM core.customers")}
    rows = attack.answered("ana", sql)
    assert rows
    assert {row[0] for row in rows} <= pseudonyms


def test_a5_a_raw_value_meets_no_masked_one_in_a_set_operation(attack: Attackers) -> None:
    sql = f"SELECT email FROM core.customers INTERSECT SELECT v.e FROM (VALUES ('{EMAIL}')) AS v(e)"
    assert attack.answered("ana", sql) == []


@pytest.mark.parametrize(("position", "raw"), [(4, "-"), (10, "-"), (17, "@")])
def test_a7_group_by_reconstruction(attack: Attackers, position: int, raw: str) -> None:
    """Every address has the raw character at the position; no group has it, so groups are formed on pseudonyms."""
    assert EMAIL[position - 1] == raw
    rows = attack.answered(
        "ana",
        f"SELECT substr(lower(u.email), {position}, 1), string_agg(u.id, ',') FROM (SELECT customer_id AS id, email"
        " FROM core.customers UNION ALL SELECT '-97', 'a') AS u GROUP BY 1",
    )
    assert raw not in {row[0] for row in rows}


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT c.customer_id FROM core.customers AS c JOIN (VALUES ('{EMAIL}'), ('x')) AS v(s) ON c.email = v.s",
        f"SELECT v.s FROM (VALUES ('{CUSTOMER}')) AS v(s) JOIN core.accounts AS a ON a.customer_id = v.s",
        f"SELECT email FROM core.customers WHERE email IN ('{EMAIL}') GROUP BY email",
    ],
)
def test_a9_dictionary_join(attack: Attackers, sql: str) -> None:
    assert attack.answered("ana", sql) == []


def test_a9_counting_a_dictionary_counts_nothing(attack: Attackers) -> None:
    sql = (
        f"SELECT count(DISTINCT email) FROM core.customers WHERE email IN ('{EMAIL}', 'zqx-email-000001@bank.example')"
    )
    assert attack.answered("ana", sql) == [[0]]


def test_a10_join_across_levels(tmp_path: Path) -> None:
    """One grant shows the IBANs of accounts in full, another those of customers as pseudonyms."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    grants = (policies / "grants.yaml").read_text().replace(
        "datasets: [core.customers, core.accounts, core.loans], purposes: [credit-default-model]",
        "datasets: [core.customers, core.loans], purposes: [credit-default-model]",
    ).replace("rows_follow: [core.accounts, core.loans]", "rows_follow: [core.loans]")  # fmt: skip
    grants += (
        "- {id: ibans, role: credit-risk-scientist, environment: dev, datasets: [core.accounts],"
        " purposes: [credit-default-model], level: pseudonymized, columns: {iban: full}, expires: 2027-06-30}\n"
    )
    (policies / "grants.yaml").write_text(grants)
    with open_house(tmp_path, bank=bank.write(bank.first_world(), tmp_path / "core.db"), policies=policies) as house:
        token = house.token("ana", bank.ANA[0])
        shown, _ = house.ask(token, "SELECT iban FROM core.accounts", purpose=bank.ANA[1])
        sql = "SELECT a.iban, c.customer_id FROM core.customers AS c JOIN core.accounts AS a USING (iban)"
        joined, _ = house.ask(token, sql, purpose=bank.ANA[1])
        findings = house.host.lint(house.settings)
    assert "ZQXIBAN" in shown.decode()
    assert json.loads(joined)["rows"] == []
    assert [f for f in findings if "iban" in f.message and f.severity == "warning"], findings


def test_a11_domain_separation(attack: Attackers) -> None:
    """The same raw value in two domains has two pseudonyms; within one domain it joins."""
    joined = "SELECT count(*) FROM core.customers AS c JOIN core.accounts AS a ON a.iban = c.iban"
    assert attack.answered("ana", joined)[0][0] > 0
    crossed = "SELECT count(*) FROM core.transactions AS t JOIN core.customers AS c ON t.counterparty_iban = c.iban"
    assert attack.answered("ana", crossed) == [[0]]
    assert attack.answered("ana", "SELECT count(*) FROM core.accounts WHERE customer_id = account_id") == [[0]]


# B. Errors, plans, statistics


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(email AS int) FROM core.customers",
        "SELECT CAST(iban AS date) FROM core.accounts",
        "SELECT CAST(segment AS int) FROM core.customers",
        "SELECT CAST(customer_id AS bigint) + 1 FROM core.customers",
        "SELECT 1 / (income - income) FROM core.customers WHERE income IS NOT NULL",
    ],
)
def test_b1_value_in_the_error(attack: Attackers, sql: str) -> None:
    told = attack.ask("ana", sql)
    assert told.code == "invalid.execution"
    assert (told.entry.kind, told.result) == ("access", "failed")


@pytest.mark.parametrize("call", ["error(email)", "CAST(full_name AS json)", "raise(email)"])
def test_b1_functions_that_raise_are_not_offered(attack: Attackers, call: str) -> None:
    assert attack.refused("ana", f"SELECT {call} FROM core.customers").startswith("unsupported.")


def test_b3_error_from_a_hidden_row(attack: Attackers) -> None:
    hidden = next(
        row["income"] for row in attack.tables["customers"] if row["region"] not in bank.VISIBLE and row["income"]
    )
    seen = next(row["income"] for row in attack.tables["customers"] if row["region"] in bank.VISIBLE and row["income"])
    sql = "SELECT count(1 / (income - {})) FROM core.customers"
    assert attack.ask("ana", sql.format(seen)).code == "invalid.execution"
    assert attack.ask("ana", sql.format(hidden)).code == ""
    filtered = "SELECT region FROM core.customers WHERE 1 / (income - {}) IS NOT NULL"
    assert attack.ask("ana", filtered.format(hidden)).code == ""


@pytest.mark.parametrize(
    "sql",
    [
        f"EXPLAIN ANALYZE SELECT email FROM core.customers WHERE email = '{EMAIL}'",
        "EXPLAIN SELECT email FROM core.customers",
        "PRAGMA enable_profiling",
    ],
)
def test_b4_explain_analyze_and_profiling(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql) == "unsupported.statement"


def test_b4_the_gateways_own_explanation_has_no_counts_and_no_row_filter(attack: Attackers) -> None:
    sql = "SELECT region, income FROM core.customers"
    explained = attack.house.explain(attack.tokens["ana"], sql, purpose=bank.ANA[1])
    told = ExplanationOut.of(explained).model_dump_json()
    assert '"has_row_filter":true' in told
    assert "'DE'" not in told
    assert "rows_read" not in told


@pytest.mark.parametrize(
    "name",
    ["pg_stats", "pg_catalog.pg_stats", "information_schema.columns", "sqlite_master", "core.sqlite_master",
     "core.sqlite_stat1", "duckdb_columns", "core.alembic_version"],
)  # fmt: skip
def test_b5_statistics_are_no_datasets(attack: Attackers, name: str) -> None:
    assert attack.refused("ana", f"SELECT * FROM {name}") == "invalid.dataset"


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW STATS FOR core.customers",
        "SELECT stats(email) FROM core.customers",
        "SELECT * FROM parquet_metadata('x.parquet')",
        "SELECT * FROM duckdb_columns()",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM pragma_table_info('customers')",
        "SELECT current_setting('memory_limit')",
    ],
)
def test_b5_statistics_are_no_functions(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith("unsupported.")


ENDLESS = {
    "a cross join": "SELECT count(*) FROM core.transactions a, core.transactions b, core.transactions c,"
    " core.transactions d, core.transactions e WHERE a.amount + b.amount + c.amount + d.amount > e.amount",
    "a recursion": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n JOIN core.loans AS l ON l.amount > n.i",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_b7_resource_error(attack: Attackers, name: str) -> None:
    told = attack.ask("ana", ENDLESS[name])
    assert told.code.startswith("exhausted.")
    assert told.result == "exhausted"
    assert len(attack.answered("ana", "SELECT region FROM core.customers")) == 12, "the gateway goes on"


@pytest.mark.parametrize(
    "sql", ["SELECT repeat(email, 1000000000) FROM core.customers", "SELECT " + "(" * 10_000 + "1" + ")" * 10_000]
)
def test_b7_resource_error_before_anything_is_read(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql) in {"unsupported.function", "invalid.size"}


def test_b8_audit_as_a_leak(attack: Attackers) -> None:
    """What an auditor, or a thief of the control database, reads of the literals that users typed."""
    for sql in (
        f"SELECT region FROM core.customers WHERE email = '{EMAIL}'",
        f"SELECT region AS r FROM core.customers WHERE email = '{EMAIL}' AND",
        f"SELECT nothing FROM core.customers WHERE iban = '{EMAIL}'",
        f"SELECT region FROM core.customers GROUP BY '{EMAIL}'",
        f"SELECT '{EMAIL}' AS e",
    ):
        attack.ask("ana", sql)
    files = [path for path in attack.house.settings.home.rglob("*") if path.is_file()]
    assert {"control.db", "control.db-wal"} <= {path.name for path in files}
    assert not [path.name for path in files if EMAIL.encode() in path.read_bytes()]


# C. Escape from the sandbox or the policy


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
    assert told.result == "failed"


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


# D. The aggregated level


def test_d1_differencing(attack: Attackers) -> None:
    assert attack.answered("rita", "SELECT count(*), sum(income) FROM core.customers")
    one_less = f"SELECT count(*), sum(income) FROM core.customers WHERE customer_id <> {CUSTOMER}"
    assert attack.refused("rita", one_less) == "unsupported.guarded_filter"
    for where in ("region = 'DE'", "region IN ('DE', 'FR', 'IT', 'ES', 'NL', 'PL', 'CZ')"):
        sql = f"SELECT count(*), sum(income) FROM core.customers WHERE {where}"
        assert attack.refused("rita", sql) == "unsupported.second_filter"


def test_d2_row_versus_subject(attack: Attackers) -> None:
    """Twelve transactions of one customer pass a threshold of ten rows; they are one subject."""
    rows = attack.answered("rita", "SELECT category, count(*) FROM core.transactions GROUP BY category")
    assert sum(row["category"] == RARE for row in attack.tables["transactions"]) == 12
    assert {row[0] for row in rows} < {"groceries", "rent", "salary", "leisure"}  # one is suppressed with it


def test_d7_rare_group_keys(attack: Attackers) -> None:
    """A key of few looks like a key of none."""
    groups = "(SELECT category, count(*) AS n FROM core.transactions GROUP BY category) AS g"
    for category in (RARE, "zqx-nowhere"):
        assert attack.answered("rita", f"SELECT g.n FROM {groups} WHERE g.category = '{category}'") == []
    assert attack.refused("rita", "SELECT merchant FROM core.transactions GROUP BY 1") == "denied.grant"


# E. Pseudonyms


def test_e1_dictionary_on_hashes(attack: Attackers) -> None:
    shown = {row[0].upper() for row in attack.answered("ana", "SELECT email FROM core.customers")}
    guesses = set()
    for row in attack.tables["customers"]:
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(name, row["email"].encode()).digest()
            guesses |= {digest.hex().upper()[:16], _crockford(digest)[:16]}
    assert not shown & guesses


def test_e1_another_gateway_makes_other_pseudonyms(attack: Attackers, tmp_path: Path) -> None:
    shown = attack.answered("ana", "SELECT email FROM core.customers")
    with fresh(tmp_path, attack.tables) as others:
        elsewhere = others.answered("ana", "SELECT email FROM core.customers")
    assert not {row[0] for row in shown} & {row[0] for row in elsewhere}


def test_e3_cross_extract_linkage(attack: Attackers) -> None:
    """Two projects have no pseudonym in common; one project has the same ones again."""
    sql = "SELECT customer_id, email, iban FROM core.customers"
    credit, again, fraud = (attack.answered(who, sql) for who in ("ana", "ana", "fran"))
    assert credit == again
    assert len(fraud) == len(attack.tables["customers"])
    assert not {cell for row in credit for cell in row} & {cell for row in fraud for cell in row}


def test_the_oracle_would_see_a_canary(attack: Attackers) -> None:
    """Without this, O1 could look for nothing: Otto lawfully sees what the others must not."""
    rows = attack.answered("otto", f"SELECT email, income FROM core.customers WHERE customer_id = {CUSTOMER}")
    assert rows[0][0] == EMAIL
    assert EMAIL in attack.canaries
    assert attack.refused("nora", "SELECT region FROM core.customers") == "denied.grant"


def _crockford(digest: bytes) -> str:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = int.from_bytes(digest)
    return "".join(alphabet[number >> shift & 31] for shift in range(len(digest) * 8 - 5, -1, -5))
