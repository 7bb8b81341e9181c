"""The policy decision point (PDP).

One decision for all columns of a query. Used is the grant that the caller names, else the least revealing
one that covers the query. Nothing is allowed that no grant allows; a rule that errs denies.
"""

from __future__ import annotations

import dataclasses
import datetime
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.policy.applicability import applicability_of
from gateway.policy.bundle import Bundle
from gateway.policy.candidates import Candidate, conclude
from gateway.policy.grants import flaws_of
from gateway.policy.standing import Standing
from gateway.ports import GrantReader
from gateway.terms.identity import Principal
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, Grant, Level, MissingGrant


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why one dataset is not answered."""

    reason: str
    missing: MissingGrant | None = None


class PolicyDecisionPoint:
    """Decides by one bundle and the dynamic grants of the moment. Safe to call from several threads."""

    def __init__(self, bundle: Bundle, *, grants: GrantReader) -> None:
        self._bundle = bundle
        self._reader = grants
        self._lock = threading.Lock()
        self._read: tuple[Grant, ...] = ()
        self._grants = bundle.grants
        self._applicability = applicability_of(bundle)

    @property
    def digest(self) -> str:
        """SHA-256 of the bundle, hex."""
        return self._bundle.digest

    @property
    def bundle(self) -> Bundle:
        """What decides, but for dynamic grants."""
        return self._bundle

    @property
    def roles(self) -> frozenset[str]:
        """All declared roles."""
        return frozenset(self._bundle.vocabulary.roles)

    def capabilities(self, principal: Principal) -> frozenset[str]:
        """What the principal's roles `may`, and the roles that these inherit."""
        roles = self._bundle.vocabulary.roles
        reached = self._bundle.vocabulary.reach(principal.roles)
        return frozenset[str]().union(*(roles[name].may for name in reached if name in roles))

    def may(self, principal: Principal, capability: str) -> bool:
        """Whether one of the principal's roles carries the capability; an unknown one is carried by none."""
        return capability in self.capabilities(principal)

    def decide(
        self,
        *,
        principal: Principal,
        purpose: str,
        uses: Mapping[str, frozenset[str]],
        now: datetime.datetime,
        grant: str | None = None,
        in_full: bool = False,
    ) -> Decision:
        """The verdict on one query.

        Args:
            principal: authenticated; its roles are taken as they come.
            purpose: the caller's word, not trusted.
            uses: dataset to the columns that the query needs of it; may be empty for `count(*)`.
            now: aware, UTC.
            grant: id of the grant to use wherever it is a candidate; datasets that it does not name get their default.
            in_full: only grants count that show each of these columns in full.

        Raises:
            Unavailable: the dynamic grants cannot be read.
        """
        standing = self._standing(principal, now=now)
        if purpose not in self._bundle.vocabulary.purposes:
            answers: dict[str, DatasetDecision | _Refusal] = {"": _Refusal(reason=standing.unknown_purpose(purpose))}
        elif not uses:
            answers = {"": _Refusal(reason="the query names no dataset, so no grant allows it")}
        else:
            answers = _answers(standing, uses=uses, purpose=purpose, named=grant, in_full=in_full)
        return self._decision(answers, standing=standing, purpose=purpose, uses=uses)

    def visible(self, principal: Principal, *, now: datetime.datetime) -> frozenset[str]:
        """Datasets that the principal may know of: discoverable ones, and those that some grant of theirs shows."""
        return self._standing(principal, now=now).visible()

    def masked(self, dataset: str, column: str) -> ColumnDecision | None:
        """How a column is released to whoever sees it pseudonymized; None: to nobody."""
        release = self._bundle.releases.get((dataset, column, Level.PSEUDONYMIZED))
        return release if isinstance(release, ColumnDecision) else None

    def columns_for(
        self, principal: Principal, dataset: str, *, now: datetime.datetime, purpose: str | None = None
    ) -> Mapping[str, Level | None]:
        """Each column's best level for this principal, for one purpose or over all; None: nothing shows it.

        Empty for a dataset that the principal may not know of. Columns may come from different grants: that
        each can be seen does not say that all can be seen together.
        """
        standing = self._standing(principal, now=now)
        if not standing.sees(dataset):
            return {}
        known = self._bundle.vocabulary.purposes.keys()
        purposes = sorted(known if purpose is None else known & {purpose})
        return {
            column: _best_level(
                candidate
                for name in purposes
                for candidate in standing.candidates(dataset, needed=frozenset({column}), purpose=name)
            )
            for column in self._bundle.datasets[dataset].columns
        }

    def _standing(self, principal: Principal, *, now: datetime.datetime) -> Standing:
        read = tuple(self._reader.current(now=now))
        with self._lock:
            if read != self._read:
                self._grants = (*self._bundle.grants, *_closed(read, bundle=self._bundle))
                self._applicability = self._applicability.with_grants(self._grants)
                self._read = read
            return Standing(
                principal=principal,
                now=now,
                bundle=self._bundle,
                applicability=self._applicability,
                grants=self._grants,
            )

    def _decision(
        self,
        answers: Mapping[str, DatasetDecision | _Refusal],
        *,
        standing: Standing,
        purpose: str,
        uses: Mapping[str, frozenset[str]],
    ) -> Decision:
        refusals = [answer for answer in answers.values() if isinstance(answer, _Refusal)]
        decisions = {name: answer for name, answer in answers.items() if isinstance(answer, DatasetDecision)}
        return Decision(
            allowed=not refusals,
            principal=standing.principal.id,
            environment=standing.principal.environment,
            purpose=self._bundle.vocabulary.purposes.get(purpose),
            datasets={} if refusals else decisions,
            digest=self.digest,
            dynamic_grants=standing.considered(uses),
            reasons=tuple(refusal.reason for refusal in refusals) or tuple(_reasons(decisions)),
            missing=next((refusal.missing for refusal in refusals if refusal.missing), None),
        )


def _answers(
    standing: Standing, *, uses: Mapping[str, frozenset[str]], purpose: str, named: str | None, in_full: bool
) -> dict[str, DatasetDecision | _Refusal]:
    candidates = {
        name: standing.candidates(name, needed=uses[name], purpose=purpose) for name in uses if standing.sees(name)
    }
    if named is not None and not any(c.grant.id == named for found in candidates.values() for c in found):
        return {"": _Refusal(reason="the grant that you name is none that you can use for this query")}
    answers: dict[str, DatasetDecision | _Refusal] = {}
    for name in sorted(uses):
        if name in candidates:
            found = [c for c in candidates[name] if c.grant.id == named] or candidates[name]
            if in_full and not (found := [c for c in found if not c.covers or c.is_full]):
                answers[name] = _not_full(name, purpose=purpose)
                continue
            answers[name] = _answer(name, candidates=found, standing=standing, needed=uses[name], purpose=purpose)
        else:
            answers[name] = _Refusal(reason=f"unknown dataset: {name}")
    return answers


def _answer(
    name: str, *, candidates: Sequence[Candidate], standing: Standing, needed: frozenset[str], purpose: str
) -> DatasetDecision | _Refusal:
    covering = [candidate for candidate in candidates if candidate.covers]
    if covering:
        least = min(covering, key=lambda candidate: candidate.preference(name))
        return conclude(least, dataset=standing.bundle.datasets[name], bundle=standing.bundle)
    among = frozenset(candidate.grant.id for candidate in candidates)
    reason, missing = standing.missing(name, needed=needed, purpose=purpose, among=among)
    return _Refusal(reason=reason, missing=missing)


def _not_full(name: str, *, purpose: str) -> _Refusal:
    lacks = "level: no grant shows these columns in full"
    asked = f"gateway request {name} --purpose {purpose} --level full"
    return _Refusal(reason=f"{name}: {lacks}", missing=MissingGrant(dataset=name, lacks=lacks, request=asked))


def _closed(grants: Iterable[Grant], *, bundle: Bundle) -> Iterator[Grant]:
    """Dynamic grants were sound under the bundle of their approval; this one may be newer. A rule that errs denies."""
    for grant in grants:
        if not any(flaws_of(grant, vocabulary=bundle.vocabulary, datasets=bundle.datasets)):
            yield dataclasses.replace(grant, dynamic=True)
        elif grant.effect == "deny":
            yield dataclasses.replace(grant, dynamic=True, denied_columns=frozenset(), at_most=None)


def _reasons(decisions: Mapping[str, DatasetDecision]) -> Iterator[str]:
    for name, decision in decisions.items():
        yield f"{name}: {decision.level} by {decision.rule}"
        for column in decision.columns.values():
            yield f"{name}.{column.column}: {column.level} by {column.rule}"


def _best_level(candidates: Iterable[Candidate]) -> Level | None:
    levels = [decision.level for candidate in candidates if candidate.covers for decision in candidate.columns.values()]
    return max(levels, key=lambda level: level.rank, default=None)
