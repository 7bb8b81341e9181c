"""D. The aggregated level."""

from __future__ import annotations

from tests.adversary.attacks.attackers import CUSTOMER, RARE, Attackers


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
