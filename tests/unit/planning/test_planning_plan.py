"""Scans, auxiliary columns, what is kept whole, limits, and every way in which a decision may not fit."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Invalid, Unsupported
from gateway.planning import make_plan, order
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import GuardedScan, MaskedScan, Plan
from gateway.terms.policy import AuxiliaryColumn, DatasetDecision, Decision, Follow, Level
from gateway.terms.predicate import Compare
from gateway.terms.query import BoundQuery
from tests.unit.planning.bank import CATALOG, decision, plan

FILTER = Compare("region", "=", "DE")
FOLLOW = Follow(
    column="customer_id",
    dataset="core.customers",
    table=("main", "customers"),
    source="core",
    key="customer_id",
    predicate=FILTER,
)


def bound(sql: str) -> BoundQuery:
    return bind(parse(sql, dialect="postgres", limits=DEFAULT), datasets=CATALOG)


def changed(verdict: Decision, dataset: str, **changes: object) -> Decision:
    """The verdict with another decision about one dataset."""
    about = dataclasses.replace(verdict.datasets[dataset], **changes)  # type: ignore[arg-type]  # of the test's choice
    return dataclasses.replace(verdict, datasets={**verdict.datasets, dataset: about})


def with_limit(sql: str, limit: int | None) -> Plan:
    return make_plan(bound(sql), decision(), datasets=CATALOG, max_scans=16, limit=limit)


def test_row_filters_columns_are_read_and_not_released() -> None:
    (step,) = plan("SELECT email FROM core.customers", changed(decision(), "core.customers", rows=FILTER)).steps
    assert [column.name for column in step.scan.columns] == ["email"]
    assert [column.name for column in step.scan.aux_columns] == ["region"]
    assert step.scan.rows == FILTER


def test_a_row_filters_column_is_read_once_when_it_is_released_too() -> None:
    (step,) = plan("SELECT region FROM core.customers", changed(decision(), "core.customers", rows=FILTER)).steps
    assert step.scan.aux_columns == ()


@pytest.mark.parametrize(
    ("sql", "read", "released"),
    [
        ("SELECT city FROM core.customers", [], ["city"]),
        ("SELECT count(city) FROM core.customers", [], ["city"]),
        ("SELECT count(*) FROM core.customers", [], []),
        ("SELECT city, email, segment FROM core.customers", ["email", "segment"], ["email", "city", "segment"]),
        ("SELECT email FROM core.customers WHERE city = 'Bonn'", ["email"], ["email", "city"]),
    ],
)
def test_t7_a_redacted_column_is_released_and_not_read(sql: str, read: list[str], released: list[str]) -> None:
    (step,) = plan(sql, decision(redacted=frozenset({"city"}))).steps
    assert isinstance(step, MaskedScan)
    assert [column.name for column in step.scan.columns] == read
    assert [column.name for column in step.columns] == [decided.column for decided in step.decisions] == released
    assert step.scan.aux_columns == ()


def test_a_redacted_column_is_read_when_the_row_filter_needs_it() -> None:
    verdict = changed(decision(redacted=frozenset({"region"})), "core.customers", rows=FILTER)
    (step,) = plan("SELECT region, email FROM core.customers", verdict).steps
    assert isinstance(step, MaskedScan)
    assert [column.name for column in step.scan.columns] == ["email"]
    assert [column.name for column in step.scan.aux_columns] == ["region"]
    assert [column.name for column in step.columns] == ["email", "region"]


def test_a_redacted_number_keeps_its_type_in_comparisons() -> None:
    made = plan("SELECT 1 FROM core.loans WHERE term_months > 5", decision(redacted=frozenset({"term_months"})))
    assert made.sql == plan("SELECT 1 FROM core.loans WHERE term_months > 5", decision()).sql


def test_t9_every_dataset_has_its_own_rows_and_follow() -> None:
    verdict = changed(changed(decision(), "core.customers", rows=FILTER), "core.accounts", follow=FOLLOW)
    made = plan("SELECT c.email, a.kind FROM core.customers c, core.accounts a, core.loans l", verdict)
    scans = {step.scan.dataset: step.scan for step in made.steps}
    assert (scans["core.customers"].rows, scans["core.customers"].follow) == (FILTER, None)
    assert (scans["core.accounts"].rows, scans["core.accounts"].follow) == (None, FOLLOW)
    assert [column.name for column in scans["core.accounts"].aux_columns] == ["customer_id"]
    assert (scans["core.loans"].rows, scans["core.loans"].follow) == (None, None)


def test_t9_filters_hold_for_every_mention_of_a_dataset() -> None:
    verdict = changed(decision(), "core.customers", rows=FILTER)
    made = plan("SELECT 1 FROM core.customers a WHERE EXISTS (SELECT 1 FROM core.customers b)", verdict)
    assert [step.scan.rows for step in made.steps] == [FILTER]
    assert list(made.mentions.values()) == [2]


def test_a_groups_filter_and_row_filter_are_read_beside_the_subject() -> None:
    verdict = changed(decision(grouped=frozenset({"core.customers"})), "core.customers", rows=FILTER, follow=FOLLOW)
    (step,) = plan("SELECT count(*), sum(income) FROM core.customers WHERE segment = 'retail'", verdict).steps
    assert isinstance(step, GuardedScan)
    assert [column.name for column in step.scan.columns] == ["income"]
    assert [column.name for column in step.scan.aux_columns] == ["customer_id", "segment", "region"]


def test_one_aggregated_column_is_enough_to_show_groups_only() -> None:
    verdict = decision()
    columns = dict(verdict.datasets["core.loans"].columns)
    columns["amount"] = dataclasses.replace(columns["amount"], level=Level.AGGREGATED)
    with pytest.raises(Unsupported, match="in groups only"):
        plan("SELECT amount FROM core.loans", changed(verdict, "core.loans", columns=columns))


def test_refused_when_groups_have_no_subject() -> None:
    catalog = {**CATALOG, "core.loans": dataclasses.replace(CATALOG["core.loans"], subject=None)}
    verdict = decision(grouped=frozenset({"core.loans"}))
    with pytest.raises(Unsupported) as caught:
        make_plan(bound("SELECT count(*) FROM core.loans"), verdict, datasets=catalog, max_scans=16)
    assert caught.value.code == "unsupported.no_subject"


@pytest.mark.parametrize(
    ("sql", "snapshot"),
    [
        ("SELECT 1", "single-scan"),
        ("SELECT 1 FROM core.loans", "single-scan"),
        ("SELECT 1 FROM core.loans a, core.loans b", "single-scan"),
        ("SELECT 1 FROM core.loans a, core.accounts b", "per-scan"),
    ],
)
def test_snapshot_says_how_many_states_were_read(sql: str, snapshot: str) -> None:
    assert plan(sql, decision()).snapshot == snapshot


@pytest.mark.parametrize(
    ("sql", "limit", "tail"),
    [
        ("SELECT rate FROM core.loans", 5, "LIMIT 5"),
        ("SELECT rate FROM core.loans LIMIT 3", 5, "LIMIT 3"),
        ("SELECT rate FROM core.loans LIMIT 30", 5, "LIMIT 5"),
        ("SELECT rate FROM core.loans FETCH FIRST 30 ROWS ONLY", 5, "LIMIT 5"),
        ("SELECT rate FROM core.loans UNION ALL SELECT rate FROM core.loans", 0, "LIMIT 0"),
        ("(SELECT rate FROM core.loans LIMIT 9) ORDER BY 1", 5, "LIMIT 5"),
        ("SELECT rate FROM core.loans LIMIT 9", None, "LIMIT 9"),
    ],
)
def test_a_callers_limit_makes_a_querys_own_smaller(sql: str, limit: int | None, tail: str) -> None:
    assert with_limit(sql, limit).sql.endswith(tail)


def test_refused_when_a_limit_is_negative() -> None:
    with pytest.raises(Invalid, match="0 or more"):
        with_limit("SELECT 1", -1)


def test_refused_when_there_are_more_mentions_than_scans() -> None:
    with pytest.raises(Invalid) as caught:
        make_plan(bound("SELECT 1 FROM core.loans a, core.loans b"), decision(), datasets=CATALOG, max_scans=1)
    assert caught.value.code == "invalid.size"


def drop_dataset(verdict: Decision) -> Decision:
    return dataclasses.replace(verdict, datasets={})


def drop_column(verdict: Decision) -> Decision:
    return changed(verdict, "core.loans", columns={})


def deny(verdict: Decision) -> Decision:
    return dataclasses.replace(verdict, allowed=False)


def unknown_mask(verdict: Decision) -> Decision:
    about: DatasetDecision = verdict.datasets["core.loans"]
    columns = {
        name: dataclasses.replace(c, mask=MaskUse(name="rot13", parameters={})) for name, c in about.columns.items()
    }
    return changed(verdict, "core.loans", columns=columns)


def unlisted_row_filter(verdict: Decision) -> Decision:
    return changed(verdict, "core.loans", rows=Compare("unlisted", "=", "x"))


@pytest.mark.parametrize("damage", [drop_dataset, drop_column, deny, unknown_mask, unlisted_row_filter])
def test_closed_when_a_decision_does_not_cover_the_query(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(Integrity):
        plan("SELECT rate FROM core.loans", damage(decision()))


def test_closed_when_the_catalog_lacks_the_dataset() -> None:
    with pytest.raises(Integrity):
        make_plan(bound("SELECT rate FROM core.loans"), decision(), datasets={}, max_scans=16)


def test_closed_when_the_tree_is_of_another_room() -> None:
    query = BoundQuery(dialect="postgres", tree=object(), uses={}, output_names=(), shape="")
    with pytest.raises(Integrity):
        make_plan(query, decision(), datasets=CATALOG, max_scans=16)


SHIFT = MaskUse(name="date_shift", parameters={"window_days": 365})
SUBJECT = AuxiliaryColumn(
    role="subject", column="customer_id", type=pa.int64(), domain="customer", canon="integer_text"
)


def shifted(*auxiliary: AuxiliaryColumn) -> Decision:
    """A verdict by which the dates of loans are shifted."""
    verdict = decision()
    columns = dict(verdict.datasets["core.loans"].columns)
    columns["granted_on"] = dataclasses.replace(columns["granted_on"], mask=SHIFT, auxiliary=auxiliary)
    return changed(verdict, "core.loans", columns=columns)


def test_a_masks_subject_is_read_beside_its_column() -> None:
    (step,) = plan("SELECT granted_on FROM core.loans", shifted(SUBJECT)).steps
    assert isinstance(step, MaskedScan)
    assert [column.name for column in step.scan.columns] == ["granted_on"]
    assert [column.name for column in step.scan.aux_columns] == ["customer_id"]
    assert [column.name for column in step.columns] == ["granted_on"]


def test_a_masks_subject_is_read_once_when_it_is_released_too() -> None:
    (step,) = plan("SELECT granted_on, customer_id FROM core.loans", shifted(SUBJECT)).steps
    assert step.scan.aux_columns == ()


def test_a_masks_subject_is_not_read_for_other_columns() -> None:
    (step,) = plan("SELECT amount FROM core.loans", shifted(SUBJECT)).steps
    assert step.scan.aux_columns == ()


@pytest.mark.parametrize(
    "auxiliary",
    [
        (),
        (SUBJECT, SUBJECT),
        (dataclasses.replace(SUBJECT, role="tweak"),),
        (dataclasses.replace(SUBJECT, column="account_id"),),
        (dataclasses.replace(SUBJECT, column="nothing"),),
    ],
)
def test_refused_when_a_decision_names_other_inputs_than_the_mask_has(auxiliary: tuple[AuxiliaryColumn, ...]) -> None:
    with pytest.raises(Integrity):
        plan("SELECT granted_on FROM core.loans", shifted(*auxiliary))


def test_a_long_chain_of_conditions_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    may_fail = order._may_fail
    monkeypatch.setattr(order, "_may_fail", lambda term: seen.append(id(term)) or may_fail(term))
    plan("SELECT city FROM core.customers WHERE " + " AND ".join(f"income > {n}" for n in range(500)), decision())
    assert len(seen) > 500
    assert len(seen) == len(set(seen)), "a condition is looked at again with each AND around it"
