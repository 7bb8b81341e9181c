"""How one grant would answer for one dataset, once every deny has capped it.

A grant is atomic: its level, columns and rows are never mixed with another's. Denies cap every candidate
first; among caps the strictest wins. When a needed column may only be seen aggregated, the whole dataset
is: one query never mixes rows and groups of one dataset.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from gateway.policy.bundle import NAME, Bundle, Withheld
from gateway.terms.dataset import Dataset
from gateway.terms.policy import ColumnDecision, DatasetDecision, Follow, Grant, KnownColumn, Level, RuleRef

DeniesOf = Callable[[str], Sequence[Grant]]
"""The denies that hold for the principal, by dataset."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """The most that a column (or a dataset) may show, and the rule that says so."""

    level: Level | None
    """None: nothing."""
    rule: RuleRef

    @property
    def rank(self) -> int:
        return -1 if self.level is None else self.level.rank


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A grant and what it would show of the columns that a query needs."""

    grant: Grant
    level: Level
    """The grant's, or what a deny left of it."""
    columns: Mapping[str, ColumnDecision]
    """Of the needed columns those that it shows."""
    lacking: Mapping[str, Withheld]
    """Of the needed columns those that it does not; `*` is the dataset as a whole."""
    caps: tuple[RuleRef, ...]
    """Denies that lowered something."""

    @property
    def covers(self) -> bool:
        """Whether it answers the query."""
        return not self.lacking

    @property
    def is_full(self) -> bool:
        """Whether it shows every needed column as it is."""
        return self.covers and all(decision.level is Level.FULL for decision in self.columns.values())

    @property
    def is_capped_out(self) -> bool:
        """Whether a deny, and not the grant's own measure, stands in the way: then no request helps."""
        return any(withheld.rule in self.caps for withheld in self.lacking.values())

    def preference(self, dataset: str) -> tuple[int, int, bool, bool, str]:
        """Sorts the least revealing first: full columns, pseudonymized ones, groups before rows, filtered before all.

        Groups before rows only matters when no column is needed: then both counts are 0.
        """
        levels = [decision.level for decision in self.columns.values()]
        return (
            levels.count(Level.FULL),
            levels.count(Level.PSEUDONYMIZED),
            self.level is not Level.AGGREGATED,
            not is_filtered(self.grant, dataset=dataset),
            self.grant.id,
        )


def is_filtered(grant: Grant, *, dataset: str) -> bool:
    """Whether the grant hides rows of this dataset."""
    return dataset in grant.rows_follow or (grant.rows is not None and grant.rows.dataset == dataset)


def weigh(
    grant: Grant, *, dataset: Dataset, needed: frozenset[str], denies: Sequence[Grant], bundle: Bundle
) -> Candidate:
    """What an allow shows of the needed columns under the denies that apply to the same principal.

    Not checked here: role, environment, purpose, expiry.
    """
    whole = _strictest(grant.level, grant=grant, denies=[d for d in denies if not d.denied_columns])
    bounds = {
        name: _strictest(
            grant.columns.get(name, grant.level),
            grant=grant,
            denies=[d for d in denies if not d.denied_columns or name in d.denied_columns],
        )
        for name in sorted(needed)
    }
    caps = {bound.rule for bound in (whole, *bounds.values())} - {grant.rule}
    grouped = any(b.level is Level.AGGREGATED for b in (whole, *bounds.values()))
    columns: dict[str, ColumnDecision] = {}
    lacking: dict[str, Withheld] = {}
    if whole.level is None:
        lacking["*"] = Withheld(reason="it is denied", rule=whole.rule)
    elif grouped and dataset.subject is None:
        lacking["*"] = Withheld(reason="it has no subject, so its groups cannot be protected", rule=whole.rule)
    for name, bound in bounds.items():
        release = _release(name, bound=bound, grouped=grouped, grant=grant, dataset=dataset, bundle=bundle)
        if isinstance(release, Withheld):
            lacking[name] = release
        else:
            columns[name] = _attributed(release, bound=bound, grant=grant)
    return Candidate(
        grant=grant,
        level=Level.AGGREGATED if grouped or whole.level is None else whole.level,
        columns=columns,
        lacking=lacking,
        caps=tuple(sorted(caps, key=str)),
    )


def without_denied(candidate: Candidate, *, denies_of: DeniesOf) -> Candidate:
    """The candidate, whose texts name nobody by a column that is denied in rows: what is found there gets a number."""
    if not any(decided.known for decided in candidate.columns.values()):
        return candidate
    columns = {name: _capped(decided, denies_of) for name, decided in candidate.columns.items()}
    return dataclasses.replace(candidate, columns=columns)


def _capped(decided: ColumnDecision, denies_of: DeniesOf) -> ColumnDecision:
    known = tuple(
        dataclasses.replace(each, mask=None)
        if any(_denies(deny, column) for dataset, column in _named_by(each, decided) for deny in denies_of(dataset))
        else each
        for each in decided.known
    )
    return dataclasses.replace(decided, known=known)


def _named_by(known: KnownColumn, decided: ColumnDecision) -> list[tuple[str, str]]:
    """The column that is looked for, and of a name the subject that it stands for."""
    subjects = [(decided.dataset, beside.column) for beside in decided.auxiliary if known.role == NAME]
    return [(known.dataset, known.column), *subjects]


def _denies(deny: Grant, column: str) -> bool:
    is_about = not deny.denied_columns or column in deny.denied_columns
    return is_about and (deny.at_most is None or deny.at_most is Level.AGGREGATED)


def conclude(candidate: Candidate, *, dataset: Dataset, bundle: Bundle) -> DatasetDecision:
    """The decision that a covering candidate stands for."""
    grant = candidate.grant
    rows = grant.rows.predicate if grant.rows and grant.rows.dataset == dataset.name else None
    return DatasetDecision(
        dataset=dataset.name,
        grant=grant.id,
        level=candidate.level,
        columns=candidate.columns,
        rows=rows,
        follow=_follow(grant, dataset=dataset, bundle=bundle),
        rule=grant.rule,
        expires=grant.expires,
    )


def _follow(grant: Grant, *, dataset: Dataset, bundle: Bundle) -> Follow | None:
    if grant.rows is None or dataset.name not in grant.rows_follow:
        return None
    leader = bundle.datasets[grant.rows.dataset]
    # Both subjects exist: a grant without them has a flaw and is no candidate.
    assert dataset.subject is not None  # noqa: S101 - for mypy, see above
    assert leader.subject is not None  # noqa: S101 - for mypy, see above
    return Follow(
        column=dataset.subject.column,
        dataset=leader.name,
        table=leader.table,
        source=leader.source,
        key=leader.subject.column,
        predicate=grant.rows.predicate,
    )


def _strictest(level: Level | None, *, grant: Grant, denies: Sequence[Grant]) -> _Bound:
    """The lowest of the grant's own level and the caps; on a tie the grant, then the smallest rule."""
    caps = sorted((_Bound(level=d.at_most, rule=d.rule) for d in denies), key=lambda cap: (cap.rank, str(cap.rule)))
    return min((_Bound(level=level, rule=grant.rule), *caps), key=lambda bound: bound.rank)


def _release(
    name: str, *, bound: _Bound, grouped: bool, grant: Grant, dataset: Dataset, bundle: Bundle
) -> ColumnDecision | Withheld:
    if bound.level is None:
        return Withheld(reason="it is denied", rule=bound.rule)
    uncapped = _settled(name, level=grant.columns.get(name, grant.level), grant=grant, dataset=dataset, bundle=bundle)
    if isinstance(uncapped, Withheld):
        return uncapped  # a deny never opens: groups do not show what the grant's own level withholds
    level = Level.AGGREGATED if grouped else bound.level
    return _settled(name, level=level, grant=grant, dataset=dataset, bundle=bundle)


def _settled(
    name: str, *, level: Level | None, grant: Grant, dataset: Dataset, bundle: Bundle
) -> ColumnDecision | Withheld:
    unlisted = Withheld(reason="it is not in the catalog", rule=grant.rule)
    return unlisted if level is None else bundle.releases.get((dataset.name, name, level), unlisted)


def _attributed(release: ColumnDecision, *, bound: _Bound, grant: Grant) -> ColumnDecision:
    """Name the rule that mattered: a deny's cap, the grant's own exception, else where the mask stands."""
    if bound.rule != grant.rule or release.column in grant.columns:
        return dataclasses.replace(release, rule=bound.rule)
    return release
