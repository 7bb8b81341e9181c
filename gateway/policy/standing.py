"""Where one principal stands at one moment: candidates, visible datasets, and what is missing for an answer."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping

from gateway.policy.applicability import Applicability
from gateway.policy.bundle import Bundle, Withheld
from gateway.policy.candidates import Candidate, weigh, without_denied
from gateway.policy.grants import EVERY_PURPOSE
from gateway.terms.identity import Principal, is_name
from gateway.terms.policy import Grant, Level, MissingGrant

_WEIGHTS: Mapping[str, int] = {"columns": 1, "expired": 2, "purpose": 4, "environment": 8, "role": 16}
"""What is harder to get outweighs everything that is easier."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A principal, a moment, and all grants of that moment."""

    principal: Principal
    now: datetime.datetime
    bundle: Bundle
    applicability: Applicability
    grants: tuple[Grant, ...]
    """Of the files and dynamic ones; those with a flaw are gone (allows) or widened (denies)."""

    def candidates(self, dataset: str, *, needed: frozenset[str], purpose: str) -> tuple[Candidate, ...]:
        """Allows that match role, environment, purpose, dataset and time, capped by the denies that do."""
        allows, denies = self._applying(dataset, purpose=purpose)
        known = self.bundle.datasets[dataset]
        weighed = (
            weigh(grant, dataset=known, needed=needed, denies=denies, bundle=self.bundle)
            for grant in allows
            if self.holds(grant)
        )

        def denies_of(name: str) -> tuple[Grant, ...]:
            return self._applying(name, purpose=purpose)[1]

        return tuple(without_denied(candidate, denies_of=denies_of) for candidate in weighed)

    def holds(self, grant: Grant) -> bool:
        """Whether the grant has not expired."""
        return grant.expires is None or self.now < grant.expires

    def visible(self) -> frozenset[str]:
        """All datasets that the principal sees."""
        return frozenset(name for name in self.bundle.datasets if self.sees(name))

    def sees(self, dataset: str) -> bool:
        """Whether it is discoverable, or some candidate of some purpose does not wholly withhold it."""
        known = self.bundle.datasets.get(dataset)
        if known is None or known.discoverable:
            return known is not None
        return any(
            "*" not in candidate.lacking
            for purpose in self.bundle.vocabulary.purposes
            for candidate in self.candidates(dataset, needed=frozenset(), purpose=purpose)
        )

    def purposes(self) -> frozenset[str]:
        """Those that an allow of the principal's roles and environment names."""
        reached = self.bundle.vocabulary.reach(self.principal.roles)
        own = [
            grant.purposes
            for grant in self.grants
            if grant.effect == "allow" and grant.role in reached and grant.environment == self.principal.environment
        ]
        named = frozenset[str]().union(*own)
        return frozenset(self.bundle.vocabulary.purposes) if EVERY_PURPOSE in named else named

    def considered(self, datasets: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
        """Ids of the dynamic grants of the principal's environment that name one of the datasets."""
        return tuple(
            sorted(
                grant.id
                for grant in self.grants
                if grant.dynamic
                and grant.environment == self.principal.environment
                and not grant.datasets.isdisjoint(datasets)
                and grant.role in self.bundle.vocabulary.reach(self.principal.roles)
            )
        )

    def unknown_purpose(self, purpose: str) -> str:
        """Says that the purpose is unknown, naming only purposes that the principal has a grant for."""
        shown = f" {purpose}" if is_name(purpose) else ""  # anything else could forge a line of a log
        own = ", ".join(sorted(self.purposes())) or "none"
        return f"unknown purpose{shown}; purposes that you have a grant for here: {own}"

    def missing(
        self, dataset: str, *, needed: frozenset[str], purpose: str, among: frozenset[str]
    ) -> tuple[str, MissingGrant]:
        """The reason for a denial, and the allow that lacks least: one of `among`, or any if there are none."""
        lacks = [
            (sum(_WEIGHTS[kind] for kind in kinds), len(candidate.lacking), grant.id, candidate, kinds)
            for grant in self.grants
            if grant.effect == "allow" and dataset in grant.datasets and (not among or grant.id in among)
            for candidate, kinds in [self._lacks(grant, dataset=dataset, needed=needed, purpose=purpose)]
        ]
        if not lacks:
            request = self._request(dataset, needed=needed, purpose=purpose, nearest=None)
            nothing = MissingGrant(dataset=dataset, lacks="role: no grant shows this dataset", request=request)
            return f"{dataset}: no grant shows it", nothing
        *_, candidate, kinds = min(lacks, key=lambda item: item[:3])
        sentence = "; ".join(f"{kind}: {why}" for kind, why in kinds.items())
        asked = self._request(dataset, needed=needed, purpose=purpose, nearest=candidate.grant)
        missing = MissingGrant(dataset=dataset, lacks=sentence, request="" if candidate.is_capped_out else asked)
        return f"{dataset}: nearest is {candidate.grant.rule}, which lacks {sentence}", missing

    def _request(self, dataset: str, *, needed: frozenset[str], purpose: str, nearest: Grant | None) -> str:
        """The command that asks for the least that would answer; empty where no grant could."""
        role = self._asking_role(nearest)
        known = self.bundle.datasets[dataset]
        columns = sorted(needed & known.columns.keys())
        start = nearest.level if nearest is not None and nearest.level is not None else Level.PSEUDONYMIZED
        for level in Level:
            if role is None or level.rank < start.rank or (level is Level.AGGREGATED and known.subject is None):
                continue
            held = [c for c in columns if isinstance(self.bundle.releases[dataset, c, level], Withheld)]
            opened = [c for c in held if not isinstance(self.bundle.releases[dataset, c, Level.FULL], Withheld)]
            if held and (level is not Level.PSEUDONYMIZED or opened != held):
                continue
            asked = ["gateway request", dataset, f"--purpose {purpose} --level {level}"]
            asked += [f"--column {column}=full" for column in opened]
            asked += [f"--role {role}"] if len(self.principal.roles) > 1 else []
            return " ".join(asked)
        return ""

    def _asking_role(self, nearest: Grant | None) -> str | None:
        """The principal's own role that a grant would be for; an undeclared one gets none."""
        own = sorted(self.principal.roles & self.bundle.vocabulary.roles.keys())
        return nearest.role if nearest is not None and nearest.role in own else next(iter(own), None)

    def _applying(self, dataset: str, *, purpose: str) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
        applying = self.applicability.applying(
            roles=self.principal.roles,
            environment=self.principal.environment,
            purpose=purpose,
            dataset=dataset,
        )
        return applying["allow"], tuple(deny for deny in applying["deny"] if self.holds(deny))

    def _lacks(
        self, grant: Grant, *, dataset: str, needed: frozenset[str], purpose: str
    ) -> tuple[Candidate, Mapping[str, str]]:
        """What stands between the principal and this grant, by kind, heaviest first."""
        _, denies = self._applying(dataset, purpose=purpose)
        candidate = weigh(
            grant, dataset=self.bundle.datasets[dataset], needed=needed, denies=denies, bundle=self.bundle
        )
        return candidate, dict(self._kinds(grant, candidate=candidate, purpose=purpose))

    def _kinds(self, grant: Grant, *, candidate: Candidate, purpose: str) -> Iterator[tuple[str, str]]:
        if grant.role not in self.bundle.vocabulary.reach(self.principal.roles):
            yield "role", f"it is for {grant.role}"
        if grant.environment != self.principal.environment:
            yield "environment", f"it is for {grant.environment}, your credential for {self.principal.environment}"
        if grant.purposes.isdisjoint({purpose, EVERY_PURPOSE}):
            yield "purpose", f"it is not for {purpose}"
        if grant.expires is not None and not self.holds(grant):
            yield "expired", f"it expired on {grant.expires:%Y-%m-%d}"
        if candidate.lacking:
            yield (
                "columns",
                ", ".join(f"{name} ({why.reason}, {why.rule})" for name, why in candidate.lacking.items()),
            )
