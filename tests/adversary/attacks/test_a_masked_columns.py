"""A. Use of a masked column."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gateway.terms.predicate import columns_of
from tests import bank
from tests.adversary.attacks.attackers import CUSTOMER, EMAIL, Attackers
from tests.house import POLICIES, open_house


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
