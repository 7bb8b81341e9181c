"""Loading and linting: what one refuses, the other calls an error.

The files are read in two rounds, words first: a misspelt purpose is reported once, not in every grant.
Warnings are about bundles that load: what one role can join from several grants (T7), rules without effect,
rows that no filter reaches.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator
from typing import Literal

from gateway.errors import Invalid
from gateway.policy.applicability import Applicability, applicability_of, check_model
from gateway.policy.bundle import Bundle, settle_releases
from gateway.policy.candidates import is_filtered
from gateway.policy.exposure import exposed
from gateway.policy.grants import EVERY_PURPOSE, read_grants
from gateway.policy.laws import check_nesting, check_resemblance, check_shifts, check_spelling, undone
from gateway.policy.verdicts import Case, ReadUses, read_cases
from gateway.policy.vocabulary import Problems, read_vocabulary
from gateway.ports import PredicateParser
from gateway.terms.dataset import Datasets
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.policy import Grant, RuleRef

_FILES = frozenset({"model.conf", "roles.yaml", "purposes.yaml", "domains.yaml", "levels.yaml", "grants.yaml"})
_FOLDERS = ("catalog", "extracts", "tests")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an author should look at."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message}"


def load_bundle(files: PolicyFiles, *, datasets: Datasets, parse_predicate: PredicateParser) -> Bundle:
    """The bundle that these files are, ready to decide.

    Raises:
        Invalid: something is wrong; `message` is the first problem, `reasons` are all, each as `file:line: …`.
    """
    bundle, _, found = _read(files, datasets=datasets, parse_predicate=parse_predicate)
    if bundle is None:
        first = found[0]
        raise type(first)(first.message, code="policy", reasons=tuple(error.message for error in found))
    return bundle


def lint(
    files: PolicyFiles,
    *,
    datasets: Datasets,
    parse_predicate: PredicateParser,
    read_uses: ReadUses,
    now: datetime.datetime,
) -> tuple[Finding, ...]:
    """Everything worth saying about these files: errors, or, when there is none, warnings; by file and line."""
    bundle, cases, found = _read(files, datasets=datasets, parse_predicate=parse_predicate)
    if bundle is None:
        findings = [finding for problem in found for finding in findings_of(problem)]
    else:
        findings = [_warning(rule, message) for rule, message in _warnings(bundle, now=now)]
        findings += _unreadable(cases, read_uses=read_uses)
    return tuple(sorted(set(findings), key=lambda f: (f.file, f.line, f.message)))


def findings_of(error: Invalid) -> tuple[Finding, ...]:
    """The errors that `load_bundle` or `read_catalog` refused files for.

    Every message of a reader begins with `file:line: `, or with `file: ` where no line is known.
    """
    findings = []
    for text in error.reasons or (error.message,):
        place, _, message = text.partition(": ")
        file, _, line = place.partition(":")
        number = int(line) if line.isdigit() else 1
        findings.append(Finding(severity="error", file=file, line=number, message=message))
    return tuple(findings)


def _read(
    files: PolicyFiles, *, datasets: Datasets, parse_predicate: PredicateParser
) -> tuple[Bundle | None, tuple[Case, ...], tuple[Invalid, ...]]:
    problems = Problems()
    _check_names(files, problems=problems)
    with problems.noted():
        check_model(files.files.get("model.conf", ""), file="model.conf")
    vocabulary = read_vocabulary(files, problems=problems)
    cases = read_cases(files, problems=problems)
    if problems.found:
        return None, cases, tuple(problems.found)
    releases = settle_releases(datasets, vocabulary=vocabulary, problems=problems)
    grants = read_grants(
        files, vocabulary=vocabulary, datasets=datasets, parse_predicate=parse_predicate, problems=problems
    )
    check_spelling(datasets, problems=problems)
    check_nesting(releases, datasets=datasets, problems=problems)
    check_shifts(releases, datasets=datasets, grants=grants, problems=problems)
    check_resemblance(releases, datasets=datasets, grants=grants, vocabulary=vocabulary, problems=problems)
    if problems.found:
        return None, cases, tuple(problems.found)
    bundle = Bundle(
        digest=files.digest,
        datasets=datasets,
        vocabulary=vocabulary,
        releases=releases,
        grants=grants,
        model=files.files["model.conf"],
    )
    return bundle, cases, ()


def _check_names(files: PolicyFiles, *, problems: Problems) -> None:
    """A file that nobody reads is a mistake: `grant.yaml` with a deny in it would deny nothing."""
    read = _FILES.union(*(files.folder(name) for name in _FOLDERS))
    for path in sorted(files.files):
        if path not in read and not path.endswith(".md"):
            with problems.noted():
                allowed = ", ".join([*sorted(_FILES), *(f"{name}/*.yaml" for name in _FOLDERS), "*.md"])
                raise Node(None, path, 1).fail(f"nothing reads this file; allowed: {allowed}")


def _warnings(bundle: Bundle, *, now: datetime.datetime) -> Iterator[tuple[RuleRef, str]]:
    yield from exposed(bundle)
    yield from undone(bundle)
    yield from _idle_grants(bundle, now=now)
    yield from _idle_words(bundle)
    yield from _loose_rows(bundle)


def _warning(rule: RuleRef, message: str) -> Finding:
    return Finding(severity="warning", file=rule.file, line=rule.line, message=f"{rule.id}: {message}")


def _idle_grants(bundle: Bundle, *, now: datetime.datetime) -> Iterator[tuple[RuleRef, str]]:
    """Grants that can never apply, and names in them that may be typos."""
    applicability = applicability_of(bundle)
    allowed = {(g.environment, name) for g in bundle.grants if g.effect == "allow" for name in g.datasets}
    for grant in bundle.grants:
        if grant.role not in bundle.vocabulary.roles:
            yield (grant.rule, f"role {grant.role} is not declared in roles.yaml")
        if grant.expires is not None and grant.expires <= now:
            yield (grant.rule, f"it expired on {grant.expires:%Y-%m-%d}")
        if grant.effect == "deny":
            if not any((grant.environment, name) in allowed for name in grant.datasets):
                yield (grant.rule, f"nothing is granted there in {grant.environment}, so it denies nothing")
        elif all(_is_shadowed(grant, name=n, bundle=bundle, applicability=applicability) for n in grant.datasets):
            yield (grant.rule, "it can never apply: a deny stands before all of it")


def _is_shadowed(grant: Grant, *, name: str, bundle: Bundle, applicability: Applicability) -> bool:
    every = bundle.vocabulary.purposes.keys()
    return all(
        any(
            not deny.denied_columns and deny.at_most is None
            for deny in applicability.applying(
                roles=frozenset({grant.role}), environment=grant.environment, purpose=purpose, dataset=name
            )["deny"]
        )
        for purpose in (every if EVERY_PURPOSE in grant.purposes else grant.purposes)
    )


def _idle_words(bundle: Bundle) -> Iterator[tuple[RuleRef, str]]:
    """Purposes that no grant names, and domains without a column."""
    named = frozenset[str]().union(*(grant.purposes for grant in bundle.grants if grant.effect == "allow"))
    for purpose, rule in bundle.vocabulary.purpose_rules.items():
        if named.isdisjoint({purpose, EVERY_PURPOSE}):
            yield (rule, "no grant is for this purpose")
    used = {column.domain for dataset in bundle.datasets.values() for column in dataset.columns.values()}
    for name, domain in bundle.vocabulary.domains.items():
        if name not in used:
            yield (domain.rule, "no column has this domain")


def _loose_rows(bundle: Bundle) -> Iterator[tuple[RuleRef, str]]:
    """Datasets that a row filter does not reach, and exceptions that hit more columns than one."""
    for grant in bundle.grants:
        if grant.rows is not None:
            for name in sorted(n for n in grant.datasets if not is_filtered(grant, dataset=n)):
                yield (grant.rule, f"all rows of {name} are shown: it tells of other subjects than rows does")
        for column in sorted(grant.columns):
            places = sorted(name for name in grant.datasets if column in bundle.datasets[name].columns)
            if len(places) > 1:
                yield (grant.rule, f"the exception for {column} holds in {' and '.join(places)}")


def _unreadable(cases: Iterable[Case], *, read_uses: ReadUses) -> Iterator[Finding]:
    for case in cases:
        try:
            read_uses(case.query)
        except Invalid as error:
            message = f"the query cannot be read, so this test will fail: {error.message}"
            yield Finding(severity="warning", file=case.file, line=case.line, message=message)
