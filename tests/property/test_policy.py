"""Laws of combination, over generated grants of the vectors' base bundle."""

from __future__ import annotations

import dataclasses
import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.policy import Bundle, NoDynamicGrants, PolicyDecisionPoint
from gateway.policy.applicability import applicability_of
from gateway.terms.policy import Decision, Grant, Level, RowRule, RuleRef
from gateway.terms.predicate import OneOf
from tests.unit.policy.builders import NOW, bundle, files, principal

BASE = bundle(
    {
        # Groups show what rows of this class do not: a cap to groups MUST NOT open it.
        "levels.yaml": files().files["levels.yaml"].replace("aggregated: deny, full", "aggregated: measure, full")
    }
)
COLUMNS = sorted(BASE.datasets["s.people"].columns)
ROLES = ["member", "scientist", "senior", "analyst"]
PURPOSES = ["study", "billing"]
MODEST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

roles = st.frozensets(st.sampled_from(ROLES), min_size=1, max_size=2)
needed = st.frozensets(st.sampled_from(COLUMNS), max_size=4)
levels = st.sampled_from(list(Level))
moments = st.sampled_from([None, NOW, NOW + datetime.timedelta(days=1)])
FILTER = RowRule(dataset="s.people", predicate=OneOf("region", ("DE",)), text="region = 'DE'")


def grant(number: int, **fields: object) -> Grant:
    common = {
        "id": f"g{number}",
        "environment": "dev",
        "datasets": frozenset({"s.people"}),
        "columns": {},
        "denied_columns": frozenset(),
        "at_most": None,
        "rows": None,
        "rows_follow": frozenset(),
        "rule": RuleRef(file="grants.yaml", line=number + 1, id=f"g{number}"),
    }
    return Grant(**{**common, **fields})  # type: ignore[arg-type]  # every field is drawn of its type below


@st.composite
def allows(draw: st.DrawFn, number: int) -> Grant:
    level = draw(levels)
    exceptions = st.dictionaries(st.sampled_from(COLUMNS), levels, max_size=3)
    return grant(
        number,
        effect="allow",
        role=draw(st.sampled_from(ROLES)),
        purposes=draw(st.frozensets(st.sampled_from([*PURPOSES, "*"]), min_size=1)),
        level=level,
        columns={} if level is Level.AGGREGATED else draw(exceptions),
        rows=draw(st.sampled_from([None, FILTER])),
        expires=draw(moments),
    )


@st.composite
def denies(draw: st.DrawFn, number: int) -> Grant:
    return grant(
        number,
        effect="deny",
        role=draw(st.sampled_from(ROLES)),
        purposes=draw(st.frozensets(st.sampled_from([*PURPOSES, "*"]), min_size=1)),
        level=None,
        denied_columns=draw(st.frozensets(st.sampled_from(COLUMNS), max_size=3)),
        at_most=draw(st.sampled_from([None, Level.AGGREGATED, Level.PSEUDONYMIZED])),
        expires=draw(moments),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[Grant, ...]:
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    return tuple(draw(allows(n)) if is_allow else draw(denies(n)) for n, is_allow in enumerate(kinds))


def with_grants(grants: tuple[Grant, ...]) -> Bundle:
    return dataclasses.replace(BASE, grants=grants)


def decide(
    grants: tuple[Grant, ...], *, who: frozenset[str], columns: frozenset[str], named: str | None = None
) -> Decision:
    point = PolicyDecisionPoint(with_grants(grants), grants=NoDynamicGrants())
    return point.decide(principal=principal(*who), purpose="study", uses={"s.people": columns}, now=NOW, grant=named)


def revealed(decision: Decision) -> tuple[int, int]:
    counts = decision.counts()
    return counts[Level.FULL], counts[Level.PSEUDONYMIZED]


@MODEST
@given(books(), denies(9), roles, needed)
def test_one_more_deny_never_allows_what_was_denied(
    grants: tuple[Grant, ...], deny: Grant, who: frozenset[str], columns: frozenset[str]
) -> None:
    if decide((*grants, deny), who=who, columns=columns).allowed:
        assert decide(grants, who=who, columns=columns).allowed


@MODEST
@given(books(), denies(9), roles, needed)
def test_a_deny_that_binds_is_never_exceeded(
    grants: tuple[Grant, ...], deny: Grant, who: frozenset[str], columns: frozenset[str]
) -> None:
    decision = decide((*grants, deny), who=who, columns=columns)
    reach = BASE.vocabulary.reach(who)
    if not decision.allowed or deny.role not in reach or deny.purposes.isdisjoint({"study", "*"}):
        return
    if deny.expires is not None and deny.expires <= NOW:
        return
    for column in decision.datasets["s.people"].columns.values():
        if not deny.denied_columns or column.column in deny.denied_columns:
            assert deny.at_most is not None
            assert column.level.rank <= deny.at_most.rank


@MODEST
@given(books(), roles, needed)
def test_a_decision_shows_no_more_than_its_one_grant(
    grants: tuple[Grant, ...], who: frozenset[str], columns: frozenset[str]
) -> None:
    decision = decide(grants, who=who, columns=columns)
    if not decision.allowed:
        return
    decided = decision.datasets["s.people"]
    (used,) = [g for g in grants if g.id == decided.grant]
    assert used.effect == "allow"
    assert used.role in BASE.vocabulary.reach(who)
    assert not used.purposes.isdisjoint({"study", "*"})
    assert used.expires is None or used.expires > NOW
    assert decided.columns.keys() == columns
    assert (decided.rows is None) == (used.rows is None)
    assert used.level is not None
    for column in decided.columns.values():
        assert column.level.rank <= used.columns.get(column.column, used.level).rank


@MODEST
@given(books(), roles, needed)
def test_no_grant_that_the_caller_can_name_reveals_less_than_the_default(
    grants: tuple[Grant, ...], who: frozenset[str], columns: frozenset[str]
) -> None:
    default = decide(grants, who=who, columns=columns)
    named = [decide(grants, who=who, columns=columns, named=g.id) for g in grants]
    assert default.allowed == any(decision.allowed for decision in named)
    assert all(revealed(default) <= revealed(decision) for decision in named if decision.allowed)


@MODEST
@given(books(), roles, needed, st.randoms(use_true_random=False))
def test_the_order_of_the_file_decides_nothing(
    grants: tuple[Grant, ...], who: frozenset[str], columns: frozenset[str], random: object
) -> None:
    mixed = list(grants)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert decide(tuple(mixed), who=who, columns=columns) == decide(grants, who=who, columns=columns)


@MODEST
@given(books(), st.sampled_from(ROLES), st.sampled_from(PURPOSES))
def test_casbin_matches_as_the_plain_reading_does(grants: tuple[Grant, ...], role: str, purpose: str) -> None:
    found = applicability_of(with_grants(grants)).applying(
        roles=frozenset({role}), environment="dev", purpose=purpose, dataset="s.people"
    )
    plain = {
        g.id
        for g in grants
        if g.role in BASE.vocabulary.reach(frozenset({role})) and not g.purposes.isdisjoint({purpose, "*"})
    }
    assert {g.id for chosen in found.values() for g in chosen} == plain
