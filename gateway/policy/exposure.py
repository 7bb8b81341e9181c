"""Exposure over all grants that one role can use (T7).

Each grant may hide what another shows: a domain full here and pseudonymized there is linked by whoever sees
both. Judged within one environment: a person with credentials for two sees more. Groups are not judged.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product

from gateway.policy.applicability import applicability_of
from gateway.policy.bundle import Bundle
from gateway.policy.candidates import weigh
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import ColumnDecision, Grant, Level, RuleRef


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A column as one role sees it by one grant."""

    role: str
    project: str
    grant: Grant
    column: ColumnDecision


def exposures(bundle: Bundle, *, roles: frozenset[str] | None) -> Iterator[Exposure]:
    """Everything that each role sees by each of its grants, for each purpose; rows only, no groups."""
    applicability = applicability_of(bundle)
    places = sorted({(grant.environment, name) for grant in bundle.grants for name in grant.datasets})
    known = sorted(bundle.vocabulary.roles.keys() | {grant.role for grant in bundle.grants})
    judged = [role for role in known if roles is None or role in roles]
    for role, (environment, name), purpose in product(judged, places, bundle.vocabulary.purposes.values()):
        applying = applicability.applying(
            roles=frozenset({role}), environment=environment, purpose=purpose.name, dataset=name
        )
        for grant, column in product(applying["allow"], bundle.datasets[name].columns):
            candidate = weigh(
                grant,
                dataset=bundle.datasets[name],
                needed=frozenset({column}),
                denies=applying["deny"],
                bundle=bundle,
            )
            if candidate.covers and candidate.level is not Level.AGGREGATED:
                yield Exposure(role=role, project=purpose.project, grant=grant, column=candidate.columns[column])


def exposed(bundle: Bundle, *, roles: frozenset[str] | None = None) -> Iterator[tuple[RuleRef, str]]:
    """What a role joins from several grants although each alone hides it, at the rule that hides it in vain.

    Args:
        bundle: whose grants are judged together.
        roles: only these; None: all.
    """
    by_domain: dict[tuple[str, ...], list[Exposure]] = defaultdict(list)
    by_column: dict[tuple[str, ...], list[Exposure]] = defaultdict(list)
    for exposure in exposures(bundle, roles=roles):
        column, environment = exposure.column, exposure.grant.environment
        if column.domain is None:
            place = (exposure.role, environment, exposure.project, column.dataset, column.column)
            by_column[place].append(exposure)
        else:
            by_domain[exposure.role, environment, column.domain].append(exposure)
    yield from _pairs(by_domain, says="{domain} is full in {full} and pseudonymized here: {roles} can link the two")
    yield from _pairs(by_column, says="{column} is full in {full} and masked here: {roles} sees both in one project")


def would_expose(bundle: Bundle, grant: Grant) -> tuple[str, ...]:
    """What roles could join if the grant stood beside those of the files, and cannot today; for its approver."""
    roles = frozenset(
        name for name in bundle.vocabulary.roles if grant.role in bundle.vocabulary.reach(frozenset({name}))
    )
    here = dataclasses.replace(bundle, grants=tuple(g for g in bundle.grants if g.environment == grant.environment))
    known = {text for _, text in exposed(here, roles=roles)}
    wider = dataclasses.replace(here, grants=(*here.grants, grant))
    return tuple(sorted({text for _, text in exposed(wider, roles=roles)} - known))


def _pairs(groups: Mapping[tuple[str, ...], list[Exposure]], *, says: str) -> Iterator[tuple[RuleRef, str]]:
    roles: dict[tuple[str, str, str, RuleRef], set[str]] = defaultdict(set)
    for exposures in groups.values():
        full = sorted({_place(e) for e in exposures if e.column.level is Level.FULL})
        for exposure in exposures:
            if full and _hides(exposure.column):
                column = f"{exposure.column.dataset}.{exposure.column.column}"
                place = (exposure.column.domain or "", column, full[0], exposure.grant.rule)
                roles[place].add(exposure.role)
    for (domain, column, seen, rule), names in roles.items():
        text = says.format(domain=f"domain {domain}", column=column, full=seen, roles=", ".join(sorted(names)))
        yield rule, text


def _place(exposure: Exposure) -> str:
    return f"{exposure.column.dataset}.{exposure.column.column} ({exposure.grant.id})"


def _hides(column: ColumnDecision) -> bool:
    """Whether the mask leaves something that can be linked, and hides something: top_code shows some values only."""
    leaks = MASK_SPECS[column.mask.name].leaks_with(column.mask.parameters)
    return "equality" in leaks and column.mask.name != "keep"
