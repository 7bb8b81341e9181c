"""Where dates may be shifted (T8): only where no other date of the same data subjects tells by how much.

One date that is shown as it is, or nearly so, gives its subject's shift away, and with it all shifted dates. Dates are
known by their type: one that stands as a number or a text is not found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Final

from gateway.policy.bundle import Bundle, Releases
from gateway.policy.exposure import Exposure, exposures
from gateway.policy.laws.places import joined_to
from gateway.policy.vocabulary import Problems
from gateway.terms.dataset import Dataset, Datasets
from gateway.terms.document import Node
from gateway.terms.mask_spec import family_of
from gateway.terms.policy import ColumnDecision, Grant, Level, RuleRef

SHIFT: Final = "date_shift"
_INSTEAD: Final = "use truncate_date instead, or redact"
_TOLD_APART: Final = frozenset({"redact", "constant", SHIFT})
_COARSE: Final = "year"
"""Years are left: a shift moves dates by up to some."""


def check_shifts(releases: Releases, *, datasets: Datasets, grants: tuple[Grant, ...], problems: Problems) -> None:
    """Note every shifted column beside which a date is shown, and shifts that keep no interval.

    Beside it is every dataset that has a column of the subjects' domain, whomever its own rows are about, and every
    other one over such a dataset's table.
    """
    dates = tuple(_dates(releases, datasets=datasets, level=Level.PSEUDONYMIZED))
    fulls = tuple(_dates(releases, datasets=datasets, level=Level.FULL))
    for domain in sorted({dataset.subject.domain for _, dataset in dates if dataset.subject}):
        shifted = [d for d, dataset in dates if d.mask.name == SHIFT and _subject(dataset) == domain]
        joined = joined_to(domain, datasets=datasets)
        beside = [d for d, dataset in dates if dataset.name in joined]
        full = [d for d, dataset in fulls if dataset.name in joined]
        shown = next((decision for decision in beside if _shows(decision)), None)
        for decision in shifted:
            with problems.noted():
                _check_column(decision, first=shifted[0], shown=shown, datasets=datasets)
        for grant in grants if shifted else ():
            with problems.noted():
                _check_grant(grant, shifted=shifted, full=full)


def undone(bundle: Bundle) -> Iterator[tuple[RuleRef, str]]:
    """Shifted dates whose reader sees a date of the same subjects in full by another grant, at the grant that shifts.

    Within one project and environment, as exposure.py judges.
    """
    seen: dict[tuple[str, str, str], list[Exposure]] = defaultdict(list)
    for exposure in exposures(bundle, roles=None):
        kind = bundle.datasets[exposure.column.dataset].columns[exposure.column.column].type
        if family_of(kind) in {"date", "timestamp"}:
            seen[exposure.role, exposure.grant.environment, exposure.project].append(exposure)
    roles: dict[tuple[RuleRef, str, str], set[str]] = defaultdict(set)
    for (role, _, _), dates in seen.items():
        full = [exposure for exposure in dates if exposure.column.level is Level.FULL]
        for one, other in product((e for e in dates if e.column.mask.name == SHIFT), full):
            domain = _subject(bundle.datasets[one.column.dataset])
            if domain is not None and other.column.dataset in joined_to(domain, datasets=bundle.datasets):
                place = f"{other.column.dataset}.{other.column.column} ({other.grant.id})"
                roles[one.grant.rule, f"{one.column.dataset}.{one.column.column}", place].add(role)
    for (rule, shifted, place), names in roles.items():
        yield rule, f"date_shift of {shifted} hides nothing: {place} is full, and {', '.join(sorted(names))} sees both"


def _check_column(
    decision: ColumnDecision, *, first: ColumnDecision, shown: ColumnDecision | None, datasets: Datasets
) -> None:
    dataset = datasets[decision.dataset]
    here = Node(None, dataset.file, dataset.columns[decision.column].line)
    if shown is not None:
        raise here.fail(
            f"date_shift of {decision.column} hides nothing: {shown.dataset}.{shown.column} shows a date of the same"
            f" subjects unshifted ({shown.mask.name}, {shown.rule}): {_INSTEAD}"
        )
    if decision.mask != first.mask:
        raise here.fail(
            f"date_shift of {decision.column} and of {first.dataset}.{first.column} have different window_days, which"
            f" loses intervals: allowed is {first.mask.parameters['window_days']}"
        )


def _check_grant(grant: Grant, *, shifted: list[ColumnDecision], full: list[ColumnDecision]) -> None:
    """A grant shows a date in full beside shifted ones, whatever becomes of it at the pseudonymized level."""
    moved = next((decision for decision in shifted if _shown(decision, grant) is Level.PSEUDONYMIZED), None)
    seen = next((decision for decision in full if _shown(decision, grant) is Level.FULL), None)
    if grant.effect == "allow" and moved is not None and seen is not None:
        raise Node(None, grant.rule.file, grant.rule.line).fail(
            f"{grant.id} shows {seen.dataset}.{seen.column} in full beside {moved.dataset}.{moved.column}, whose"
            f" date_shift then hides nothing: leave {seen.column} out, or {_INSTEAD}"
        )


def _shown(decision: ColumnDecision, grant: Grant) -> Level | None:
    """At which level the grant shows the column; None: not at all."""
    return grant.columns.get(decision.column, grant.level) if decision.dataset in grant.datasets else None


def _dates(releases: Releases, *, datasets: Datasets, level: Level) -> Iterator[tuple[ColumnDecision, Dataset]]:
    for dataset in datasets.values():
        for column in dataset.columns.values():
            decision = releases.get((dataset.name, column.name, level))
            if isinstance(decision, ColumnDecision) and family_of(column.type) in {"date", "timestamp"}:
                yield decision, dataset


def _subject(dataset: Dataset) -> str | None:
    return dataset.subject.domain if dataset.subject else None


def _shows(decision: ColumnDecision) -> bool:
    """Whether a date is shown unshifted, more exactly than to its year. Of a mask that is none of dates: closed."""
    if decision.mask.name in _TOLD_APART:
        return False
    return not (decision.mask.name == "truncate_date" and decision.mask.parameters.get("unit") == _COARSE)
