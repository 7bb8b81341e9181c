"""The embedded bank is one that production could be: whole, valid, varied, and the same every time."""

from __future__ import annotations

import datetime
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gateway.demo.bank import BankSummary, build_bank
from gateway.demo.bank.iban import ibans
from gateway.demo.bank.names import NAMES, slug
from gateway.errors import Invalid

TRANSACTIONS = 120_000
LENGTHS = {"DE": 22, "FR": 27, "IT": 27, "ES": 24, "NL": 18, "PL": 28, "CZ": 24, "AT": 20}
CALLING = {"DE": 49, "FR": 33, "IT": 39, "ES": 34, "NL": 31, "PL": 48, "CZ": 420, "AT": 43}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> BankSummary:
    return build_bank(tmp_path_factory.mktemp("bank") / "core.db", transactions=TRANSACTIONS)


@pytest.fixture(scope="module")
def bank(summary: BankSummary) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(summary.path)
    yield connection
    connection.close()


def one(bank: sqlite3.Connection, sql: str) -> object:
    return bank.execute(sql).fetchone()[0]


def is_iban(text: str) -> bool:
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def test_the_summary_counts_every_row(bank: sqlite3.Connection, summary: BankSummary) -> None:
    assert summary.rows["transactions"] == TRANSACTIONS
    assert summary.rows["customers"] == TRANSACTIONS // 20
    assert list(summary.rows) == ["customers", "accounts", "transactions", "loans", "call_notes"]
    for table, rows in summary.rows.items():
        assert one(bank, f"SELECT count(*) FROM {table}") == rows


def test_the_file_is_whole_and_private(bank: sqlite3.Connection, summary: BankSummary) -> None:
    assert one(bank, "PRAGMA integrity_check") == "ok"
    assert summary.path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in summary.path.parent.iterdir()] == ["core.db"]


def test_every_reference_finds_its_row(bank: sqlite3.Connection) -> None:
    for table in ("accounts", "transactions", "loans", "call_notes"):
        orphans = f"SELECT count(*) FROM {table} WHERE customer_id NOT IN (SELECT customer_id FROM customers)"
        assert one(bank, orphans) == 0
    for table in ("transactions", "loans"):
        foreign = (
            f"SELECT count(*) FROM {table} t LEFT JOIN accounts a USING (account_id) "
            "WHERE a.customer_id IS NOT t.customer_id"
        )
        assert one(bank, foreign) == 0
    primary = (
        "SELECT count(*) FROM customers c JOIN accounts a USING (customer_id) "
        "WHERE kind = 'current' AND a.iban = c.iban"
    )
    assert one(bank, primary) == one(bank, "SELECT count(*) FROM customers")


def test_customers_have_one_to_three_accounts_and_one_current(bank: sqlite3.Connection) -> None:
    counts = Counter(n for (n,) in bank.execute("SELECT count(*) FROM accounts GROUP BY customer_id"))
    assert set(counts) == {1, 2, 3}
    current = "SELECT max(n), min(n) FROM (SELECT sum(kind = 'current') AS n FROM accounts GROUP BY customer_id)"
    assert bank.execute(current).fetchone() == (1, 1)


def test_no_transaction_is_older_than_its_account(bank: sqlite3.Connection) -> None:
    early = "SELECT count(*) FROM transactions t JOIN accounts a USING (account_id) WHERE booked_at < opened_on"
    assert one(bank, early) == 0


def test_every_country_has_customers(bank: sqlite3.Connection) -> None:
    assert {r for (r,) in bank.execute("SELECT DISTINCT region FROM customers")} == set(LENGTHS)


def test_every_iban_is_valid_and_of_its_country(bank: sqlite3.Connection) -> None:
    own = bank.execute("SELECT a.iban, region FROM accounts a JOIN customers USING (customer_id)").fetchall()
    for iban, region in own:
        assert iban[:2] == region
    others = bank.execute("SELECT DISTINCT counterparty_iban, '' FROM transactions WHERE counterparty_iban NOTNULL")
    for iban, _ in [*own, *others]:
        assert len(iban) == LENGTHS[iban[:2]]
        assert is_iban(iban)


def test_half_of_the_people_who_are_paid_bank_here(bank: sqlite3.Connection) -> None:
    inside = one(
        bank,
        "SELECT avg(counterparty_iban IN (SELECT iban FROM accounts)) FROM transactions WHERE category = 'transfer'",
    )
    assert isinstance(inside, float)
    assert 0.4 < inside < 0.6


# Check digits computed by hand from the published rules, and account numbers that national bodies give as examples.
def test_national_check_digits_are_right() -> None:
    number = np.arange(2_000)
    bank = number % 8
    made = {country: ibans(country, bank=bank, number=number).to_pylist() for country in LENGTHS}
    for iban in made["FR"]:
        assert (89 * int(iban[4:9]) + 15 * int(iban[9:14]) + 3 * int(iban[14:25]) + int(iban[25:])) % 97 == 0
    for iban in made["ES"]:
        weights = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)
        for digits, check in (("00" + iban[4:12], iban[12]), (iban[14:], iban[13])):
            rest = 11 - sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11
            assert int(check) == {11: 0, 10: 1}.get(rest, rest)
    for iban in made["NL"]:
        assert sum(w * int(d) for w, d in zip(range(10, 0, -1), iban[8:], strict=True)) % 11 == 0
    for iban in made["CZ"]:
        assert sum(w * int(d) for w, d in zip((6, 3, 7, 9, 10, 5, 8, 4, 2, 1), iban[14:], strict=True)) % 11 == 0
    for iban in made["PL"]:
        assert sum(w * int(d) for w, d in zip((3, 9, 7, 1, 3, 9, 7, 1), iban[4:12], strict=True)) % 10 == 0
    for iban in made["IT"]:
        odd = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True))
        total = sum(odd[c] if place % 2 == 0 else int(c) for place, c in enumerate(iban[5:]))
        assert iban[4] == chr(ord("A") + total % 26)


def test_ibans_of_different_accounts_differ() -> None:
    number = np.arange(50_000)
    for country in LENGTHS:
        assert len(set(ibans(country, bank=np.zeros(50_000, np.int64), number=number).to_pylist())) == 50_000


def test_names_are_many_and_have_diacritics_and_meanings() -> None:
    for country, names in NAMES.items():
        assert len(set(names.first)) >= 60, country
        assert len(set(names.last)) >= 80, country
        assert any(not n.isascii() for n in names.first + names.last), country
    assert {"Richter", "Bauer", "Koch", "Wolf", "Winter", "Klein"} <= set(NAMES["DE"].last)
    assert {"Petit", "Blanc"} <= set(NAMES["FR"].last)


@pytest.mark.parametrize(
    ("name", "want"),
    [("Müller", "mueller"), ("Weiß", "weiss"), ("Wójcik", "wojcik"), ("Łuczak", "luczak"), ("D'Amico", "damico"),
     ("Van den Berg", "vandenberg"), ("Růžička", "ruzicka"), ("Yıldız", "yildiz")],
)  # fmt: skip
def test_a_name_is_spelled_as_in_an_address(name: str, want: str) -> None:
    assert slug(name) == want


def test_addresses_derive_from_names_and_are_unique(bank: sqlite3.Connection) -> None:
    rows = bank.execute("SELECT full_name, email FROM customers").fetchall()
    assert len({email for _, email in rows}) == len(rows)
    for full_name, email in rows:
        local, _, domain = email.partition("@")
        assert re.fullmatch(r"[a-z._-]+\d*", local)
        assert domain
        surname = max(re.split(r"[._]", local.rstrip("0123456789")), key=len)
        assert surname[:3] in slug(full_name).replace("-", "")
    assert any(email.partition("@")[0][-1].isdigit() for _, email in rows)


def test_phones_and_postcodes_are_of_the_country(bank: sqlite3.Connection) -> None:
    shapes = {"NL": r"\d{4} [A-Z]{2}", "PL": r"\d\d-\d{3}", "CZ": r"\d{3} \d\d", "AT": r"\d{4}"}
    for region, phone, postcode in bank.execute("SELECT region, phone, postcode FROM customers"):
        assert re.fullmatch(rf"\+{CALLING[region]} \d+ \d+ \d+", phone)
        assert re.fullmatch(shapes.get(region, r"\d{5}"), postcode)


def test_customers_are_adults(bank: sqlite3.Connection, summary: BankSummary) -> None:
    born = [datetime.date.fromisoformat(d) for (d,) in bank.execute("SELECT birth_date FROM customers")]
    ages = [(summary.until - d).days / 365.2425 for d in born]
    assert 18 <= min(ages) < 20
    assert 85 < max(ages) <= 95.1


def test_income_depends_on_region_and_segment(bank: sqlite3.Connection) -> None:
    by = dict(bank.execute("SELECT region, avg(income) FROM customers WHERE segment = 'retail' GROUP BY 1"))
    assert by["DE"] > by["IT"] > by["PL"]
    segment = dict(bank.execute("SELECT segment, avg(income) FROM customers GROUP BY 1"))
    assert segment["affluent"] > segment["business"] > segment["retail"]
    logs = np.log(
        [i for (i,) in bank.execute("SELECT income FROM customers WHERE region = 'DE' AND segment = 'retail'")]
    )
    skew = float(np.mean(((logs - logs.mean()) / logs.std()) ** 3))
    assert abs(skew) < 1


def test_amounts_have_two_decimals(bank: sqlite3.Connection) -> None:
    for table, column in (("transactions", "amount"), ("accounts", "balance"), ("customers", "income")):
        assert one(bank, f"SELECT count(*) FROM {table} WHERE {column} IS NOT round({column}, 2)") == 0


def test_transactions_come_in_the_order_of_the_clock(bank: sqlite3.Connection, summary: BankSummary) -> None:
    times = [t for (t,) in bank.execute("SELECT booked_at FROM transactions ORDER BY transaction_id")]
    assert times == sorted(times)
    assert summary.since.isoformat() <= times[0]
    assert times[-1] < summary.until.isoformat()
    assert all(len(t) == 26 for t in times)


def test_salaries_come_on_paydays_and_groceries_on_saturdays(bank: sqlite3.Connection) -> None:
    days = Counter(
        int(d) for (d,) in bank.execute("SELECT substr(booked_at, 9, 2) FROM transactions WHERE category = 'salary'")
    )
    assert sum(days[d] for d in range(25, 30)) / days.total() > 0.9
    week = Counter(
        d for (d,) in bank.execute("SELECT strftime('%w', booked_at) FROM transactions WHERE category = 'groceries'")
    )
    assert week["6"] > 2 * week["0"]
    hours = Counter(
        int(h) for (h,) in bank.execute("SELECT substr(booked_at, 12, 2) FROM transactions WHERE channel = 'card'")
    )
    assert hours[18] > 10 * hours[4]


def test_the_signs_and_channels_are_those_of_a_bank(bank: sqlite3.Connection) -> None:
    assert one(bank, "SELECT min(amount) > 0 FROM transactions WHERE category = 'salary'") == 1
    assert one(bank, "SELECT max(amount) < 0 FROM transactions WHERE category IN ('rent', 'groceries', 'fees')") == 1
    channels = {c for (c,) in bank.execute("SELECT DISTINCT channel FROM transactions")}
    assert channels == {"card", "transfer", "direct_debit", "cash"}
    assert one(bank, "SELECT count(*) FROM transactions WHERE channel = 'card' AND counterparty_iban NOTNULL") == 0
    assert {c for (c,) in bank.execute("SELECT DISTINCT currency FROM accounts")} == {"EUR", "PLN", "CZK"}


def test_references_name_people_and_accounts(bank: sqlite3.Connection) -> None:
    named = (
        "SELECT reference, merchant, counterparty_iban FROM transactions "
        "WHERE category = 'transfer' AND reference NOTNULL"
    )
    rows = bank.execute(named).fetchall()
    assert sum(iban in reference and merchant in reference for reference, merchant, iban in rows) > 500
    assert one(bank, "SELECT count(*) FROM transactions WHERE reference IS NULL") not in (0, TRANSACTIONS)


def test_notes_mention_their_customer_in_many_forms(bank: sqlite3.Connection) -> None:
    rows = bank.execute(
        "SELECT note, full_name, email, c.iban, phone FROM call_notes JOIN customers c USING (customer_id)"
    ).fetchall()
    forms: Counter[str] = Counter()
    for note, name, email, iban, phone in rows:
        first, _, last = name.partition(" ")
        compact = note.replace(" ", "")
        forms["name"] += name in note
        forms["turned"] += f"{last}, {first}" in note
        forms["upper"] += name.upper() in note
        forms["initials"] += f"{first[0]}. {last}" in note
        forms["email"] += email in note
        forms["iban"] += iban in note
        forms["grouped"] += iban not in note and iban in compact
        forms["lower iban"] += iban.lower() in note
        forms["phone"] += phone in note
        forms["national phone"] += ("0" + phone.partition(" ")[2]) in note
    assert min(forms.values()) > 10, forms
    assert any("Der Richter hat" in note for note, *_ in rows)
    assert not any("{" in note for note, *_ in rows)


def features(bank: sqlite3.Connection) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What a data scientist would join: log income, burden, overdraft fees, returned payments; and the outcome."""
    rows = bank.execute(
        "SELECT income, l.amount, term_months, rate, count(*) FILTER (WHERE category = 'fees'),"
        " count(*) FILTER (WHERE category = 'returned'), defaulted"
        " FROM loans l JOIN customers USING (customer_id) LEFT JOIN transactions t USING (customer_id) GROUP BY loan_id"
    ).fetchall()
    income, amount, term, rate, fees, returned, defaulted = np.array(rows, float).T
    burden = amount * rate / 12 / (1 - (1 + rate / 12) ** -term) / (income / 12)
    table = [np.ones(len(income)), np.log(income / 30_000), np.minimum(burden, 1.2), fees, returned]
    return np.column_stack(table), defaulted


def test_default_can_be_predicted_but_not_perfectly(bank: sqlite3.Connection) -> None:
    x, y = features(bank)
    weights = np.zeros(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-x @ weights))
        weights += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (y - p))
    ranks = (x @ weights).argsort().argsort() + 1
    positive = y.sum()
    auc = (ranks[y == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(y) - positive))
    assert 0.05 <= y.mean() <= 0.10
    assert 0.80 <= auc <= 0.88
    assert weights[1] < 0 < min(weights[2:])


TABLES = ("customers", "accounts", "transactions", "loans", "call_notes")


def dump(path: Path) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    tables = [connection.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall() for t in TABLES]
    connection.close()
    return tables


def test_the_same_seed_builds_the_same_bank_and_another_another(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "c.db"
    build_bank(first, transactions=3_000)
    build_bank(second, transactions=3_000)
    build_bank(third, transactions=3_000, seed=1)
    assert dump(first) == dump(second)
    assert first.read_bytes() == second.read_bytes()
    assert dump(first) != dump(third)


@pytest.mark.parametrize("transactions", [1, 7, 999])
def test_a_tiny_bank_has_a_thousand_customers_and_its_transactions(tmp_path: Path, transactions: int) -> None:
    summary = build_bank(tmp_path / "core.db", transactions=transactions)
    assert summary.rows["customers"] == 1_000
    assert summary.rows["transactions"] == transactions


def test_a_bank_ends_on_the_day_that_is_asked_for(tmp_path: Path) -> None:
    summary = build_bank(tmp_path / "core.db", transactions=2_000, until=datetime.date(2027, 3, 1))
    connection = sqlite3.connect(summary.path)
    assert "2027-02" < connection.execute("SELECT max(booked_at) FROM transactions").fetchone()[0] < "2027-03-01"
    connection.close()


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    summary = build_bank(
        tmp_path / "core.db", transactions=2_000, progress=lambda name, done, total: told.append((name, done, total))
    )
    assert {name: (done, total) for name, done, total in told} == {n: (r, r) for n, r in summary.rows.items()}


def test_what_is_there_is_replaced_and_a_failure_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    build_bank(path, transactions=10)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        build_bank(path, transactions=20, progress=fail)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["core.db"]
    build_bank(path, transactions=20)
    assert path.read_bytes() != before


def test_a_bank_without_transactions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        build_bank(tmp_path / "core.db", transactions=0)
    assert list(tmp_path.iterdir()) == []
