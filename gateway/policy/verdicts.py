"""Reviewed expectations: `tests/*.yaml` says what the files must decide, and this runs it.

    - given: {principal: {roles: [intern], environment: dev}, purpose: P, at: 2026-12-01T09:00:00Z, grant: ID?}
      query: "SELECT income FROM core.customers"
      expect: {effect: deny, missing: columns}

`columns` names a column, or `source.dataset.column`, with its level; `grant` names one id, or one per dataset;
`missing` is columns, expired, purpose, environment or role: what the nearest grant lacks most.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.errors import Invalid
from gateway.policy.bundle import Bundle
from gateway.policy.pdp import PolicyDecisionPoint
from gateway.policy.vocabulary import Problems
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.identity import Principal
from gateway.terms.policy import ColumnDecision, Decision, Grant, Level

ReadUses = Callable[[str], Mapping[str, frozenset[str]]]
"""SQL to the columns that it needs of each dataset; raises Invalid for what is no query."""

MISSING = ("columns", "expired", "purpose", "environment", "role")
_EFFECTS = ("allow", "deny")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One expectation."""

    file: str
    line: int
    principal: Principal
    purpose: str
    at: datetime.datetime
    named_grant: str | None
    query: str
    effect: str
    columns: Mapping[str, Level]
    grants: Mapping[str, str]
    """By dataset; `*` stands for every dataset of the query."""
    missing: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How one expectation fared."""

    file: str
    line: int
    query: str
    failures: tuple[str, ...]
    """Each as `file:line: expected …, decided …`; empty if it holds."""

    @property
    def passed(self) -> bool:
        """Whether everything that was expected was decided."""
        return not self.failures


class NoDynamicGrants:
    """The files alone decide: what was approved at run time has no place in their tests."""

    def current(self, *, now: datetime.datetime) -> Sequence[Grant]:  # noqa: ARG002 - the port's signature
        """None, at any time."""
        return ()


def run_tests(bundle: Bundle, files: PolicyFiles, *, read_uses: ReadUses) -> tuple[CaseResult, ...]:
    """Decide every case of `tests/*.yaml` by the bundle.

    Raises:
        Invalid: a test file is malformed (`load_bundle` refuses these files too).
    """
    problems = Problems()
    cases = read_cases(files, problems=problems)
    if problems.found:
        raise problems.found[0]
    pdp = PolicyDecisionPoint(bundle, grants=NoDynamicGrants())
    return tuple(_run(case, pdp=pdp, read_uses=read_uses) for case in cases)


def read_cases(files: PolicyFiles, *, problems: Problems) -> tuple[Case, ...]:
    """All cases that read well, by file and line; the others are noted."""
    cases: list[Case] = []
    for path in files.folder("tests"):
        with problems.noted():
            for node in files.document(path).sequence():
                with problems.noted():
                    cases.append(_read_case(node))
    return tuple(cases)


def _run(case: Case, *, pdp: PolicyDecisionPoint, read_uses: ReadUses) -> CaseResult:
    try:
        uses = read_uses(case.query)
    except Invalid as error:
        failures: tuple[str, ...] = (f"the query cannot be read: {error.message}",)
    else:
        decision = pdp.decide(
            principal=case.principal, purpose=case.purpose, uses=uses, now=case.at, grant=case.named_grant
        )
        failures = tuple(_failures(case, decision=decision))
    where = f"{case.file}:{case.line}"
    return CaseResult(
        file=case.file, line=case.line, query=case.query, failures=tuple(f"{where}: {failure}" for failure in failures)
    )


def _failures(case: Case, *, decision: Decision) -> Iterator[str]:
    effect = "allow" if decision.allowed else "deny"
    if effect != case.effect:
        yield f"expected {case.effect}, decided {effect}: {'; '.join(decision.reasons)}"
        return
    decided = [column for dataset in decision.datasets.values() for column in dataset.columns.values()]
    for name, level in case.columns.items():
        levels = [str(column.level) for column in decided if _is_named(column, name=name)]
        if levels != [str(level)]:
            yield f"expected {name} {level}, decided {' and '.join(levels) or 'nothing about it'}"
    for name, grant in case.grants.items():
        for dataset in decision.datasets.values() if name == "*" else [decision.datasets.get(name)]:
            used = dataset.grant if dataset else "no grant"
            if used != grant:
                yield f"expected grant {grant}, decided by {used}"
    if case.missing is not None:
        lacks = decision.missing.lacks if decision.missing else "nothing named"
        if not lacks.startswith(f"{case.missing}:"):
            yield f"expected missing {case.missing}, decided {lacks}"


def _is_named(column: ColumnDecision, *, name: str) -> bool:
    return name in {column.column, f"{column.dataset}.{column.column}"}


def _read_case(node: Node) -> Case:
    fields = node.mapping(required=frozenset({"given", "query", "expect"}), optional=frozenset())
    given = fields["given"].mapping(required=frozenset({"principal", "purpose", "at"}), optional=frozenset({"grant"}))
    expect = fields["expect"].mapping(
        required=frozenset({"effect"}), optional=frozenset({"columns", "grant", "missing"})
    )
    effect = _word(expect["effect"], allowed=_EFFECTS)
    for key in ("columns", "grant") if effect == "deny" else ("missing",):
        if key in expect:
            raise expect[key].fail(f"{key} says nothing where {effect} is expected")
    return Case(
        file=node.file,
        line=node.line,
        principal=_read_principal(given["principal"]),
        purpose=given["purpose"].text(),
        at=_read_moment(given["at"]),
        named_grant=given["grant"].text() if "grant" in given else None,
        query=fields["query"].text(),
        effect=effect,
        columns=_read_columns(expect["columns"]) if "columns" in expect else {},
        grants=_read_grants(expect["grant"]) if "grant" in expect else {},
        missing=_word(expect["missing"], allowed=MISSING) if "missing" in expect else None,
    )


def _read_principal(node: Node) -> Principal:
    fields = node.mapping(required=frozenset({"roles", "environment"}), optional=frozenset())
    return Principal(
        id="policy-test",
        roles=frozenset(role.text() for role in fields["roles"].sequence()),
        environment=fields["environment"].text(),
        issuer="policy-test",
        credential_id="policy-test",
    )


def _read_moment(node: Node) -> datetime.datetime:
    if not isinstance(node.value, datetime.datetime) or node.value.tzinfo is None:
        raise node.fail("a time with its zone is needed here: 2026-12-01T09:00:00Z")
    return node.value.astimezone(datetime.UTC)


def _read_columns(node: Node) -> Mapping[str, Level]:
    levels = {level.value: level for level in Level}
    return {name: levels[_word(value, allowed=tuple(levels))] for name, value in node.mapping().items()}


def _read_grants(node: Node) -> Mapping[str, str]:
    if isinstance(node.value, dict):
        return {name: grant.text() for name, grant in node.mapping().items()}
    return {"*": node.text()}


def _word(node: Node, *, allowed: Sequence[str]) -> str:
    if node.value not in allowed:
        raise node.fail(f"unknown word; allowed: {', '.join(allowed)}")
    return node.text()
