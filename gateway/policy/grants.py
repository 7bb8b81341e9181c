"""Reads grants.yaml, and says what is wrong with a grant, whether a file or an approved request made it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Literal

from gateway.errors import Invalid, Unsupported
from gateway.policy.vocabulary import Problems, Vocabulary
from gateway.ports import PredicateParser
from gateway.terms.dataset import Dataset, Datasets
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.identity import is_name
from gateway.terms.policy import Grant, Level, RowRule, RuleRef
from gateway.terms.predicate import columns_of

EVERY_PURPOSE = "*"
_COMMON = frozenset({"id", "role", "environment", "datasets", "purposes"})
_ALLOW = frozenset({"level"})
_ALLOW_OPTIONAL = frozenset({"effect", "columns", "rows", "rows_follow", "expires"})
_DENY = frozenset({"effect"})
_DENY_OPTIONAL = frozenset({"columns", "at_most", "expires"})
_NONE: frozenset[str] = frozenset()
_REQUEST = "approved-requests"
"""Stands for a file where the rule of a dynamic grant is named."""
_CAPS = (Level.AGGREGATED, Level.PSEUDONYMIZED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something in a grant that the rest of the bundle contradicts."""

    key: str
    """The grant's key where it stands."""
    message: str
    offered: bool = True
    """False: it has a meaning, but not in this version."""


def read_grants(
    files: PolicyFiles,
    *,
    vocabulary: Vocabulary,
    datasets: Datasets,
    parse_predicate: PredicateParser,
    problems: Problems,
) -> tuple[Grant, ...]:
    """The sound grants, in the file's order; the others are noted and left out."""
    grants: dict[str, Grant] = {}
    with problems.noted():
        for node in files.document("grants.yaml").sequence():
            with problems.noted():
                grant = _read_grant(node, datasets=datasets, parse_predicate=parse_predicate)
                if grant.id in grants:
                    raise node.fail(f"grant {grant.id} stands in line {grants[grant.id].rule.line} already")
                grants[grant.id] = grant
                for flaw in flaws_of(grant, vocabulary=vocabulary, datasets=datasets):
                    with problems.noted():
                        raise _pointed(flaw, node=node)
    return tuple(grants.values())


def read_request(
    document: Mapping[str, object],
    *,
    grant_id: str,
    expires: datetime.datetime,
    vocabulary: Vocabulary,
    datasets: Datasets,
    parse_predicate: PredicateParser,
) -> Grant:
    """The dynamic grant that a request asks for: a grant of grants.yaml without id, effect and expiry.

    Args:
        document: plain JSON values under the keys of a grant in grants.yaml.
        grant_id: of the grant to come.
        expires: of the grant to come, UTC.
        vocabulary: of the bundle that it shall stand beside.
        datasets: those that messages may name: errors list them.
        parse_predicate: reads the row filter.

    Raises:
        Invalid: not a grant, or not one of this bundle; `reasons` are all that is wrong.
    """
    problems = Problems()
    node = _node({**document, "id": grant_id})
    with problems.noted():
        if "effect" in document or "expires" in document:
            raise node.fail("a request asks for something: no effect and no expires")
        grant = _read_grant(node, datasets=datasets, parse_predicate=parse_predicate)
        for purpose in sorted(grant.purposes - vocabulary.purposes.keys()):
            with problems.noted():
                raise node.fail("* is for reviewed files" if purpose == EVERY_PURPOSE else "unknown purpose")
        for flaw in flaws_of(
            dataclasses.replace(grant, purposes=frozenset()), vocabulary=vocabulary, datasets=datasets
        ):
            with problems.noted():
                raise _pointed(flaw, node=node)
    if problems.found:
        # The place is the same for all, and no file's: only what is wrong is told.
        told = tuple(error.message.split(": ", 1)[1] for error in problems.found)
        raise type(problems.found[0])(told[0], code="request", reasons=told[1:], fix="`gateway request --help`")
    return dataclasses.replace(grant, expires=expires, rule=RuleRef(file=_REQUEST, line=1, id=grant_id), dynamic=True)


def _node(value: object) -> Node:
    """Plain JSON values as the nodes that the readers take."""
    if isinstance(value, Mapping):
        return Node({str(name): _node(item) for name, item in value.items()}, _REQUEST, 1)
    if isinstance(value, list | tuple):
        return Node([_node(item) for item in value], _REQUEST, 1)
    return Node(value, _REQUEST, 1)


def flaws_of(grant: Grant, *, vocabulary: Vocabulary, datasets: Datasets) -> Iterator[Flaw]:
    """Everything that makes the grant unfit for this bundle. A grant with a flaw MUST NOT allow anything."""
    # An undeclared role in an allow is harmless. In a deny it is a typo that opens what the author wanted closed.
    if grant.effect == "deny" and grant.role not in vocabulary.roles:
        yield Flaw(key="role", message=f"unknown role {grant.role!r}; roles are: {', '.join(vocabulary.roles)}")
    for purpose in sorted(grant.purposes - vocabulary.purposes.keys() - {EVERY_PURPOSE}):
        known = ", ".join(vocabulary.purposes)
        yield Flaw(key="purposes", message=f"unknown purpose {purpose!r}; purposes are: {known}, or *")
    unknown = sorted(grant.datasets - datasets.keys())
    if unknown:
        known = ", ".join(sorted(datasets))
        yield Flaw(key="datasets", message=f"unknown dataset: {', '.join(unknown)}; datasets are: {known}")
        return
    yield from _flaws_of_columns(grant, datasets=datasets)
    yield from _flaws_of_rows(grant, datasets=datasets)


def _flaws_of_columns(grant: Grant, *, datasets: Datasets) -> Iterator[Flaw]:
    known = {column for name in grant.datasets for column in datasets[name].columns}
    for column in sorted((grant.columns.keys() | grant.denied_columns) - known):
        yield Flaw(key="columns", message=f"no dataset of this grant has a column {column!r}")
    if grant.effect == "deny" or grant.level is not Level.AGGREGATED:
        return
    if any(level is not Level.AGGREGATED for level in grant.columns.values()):
        yield Flaw(key="columns", message="an aggregated grant shows groups only: write a second grant for rows")
    for name in sorted(n for n in grant.datasets if datasets[n].subject is None):
        yield Flaw(key="level", message=f"{name} has no subject, so its groups cannot be protected")


def _flaws_of_rows(grant: Grant, *, datasets: Datasets) -> Iterator[Flaw]:
    if grant.rows is None:
        if grant.rows_follow:
            yield Flaw(key="rows_follow", message="without rows there is nothing to follow")
        return
    if grant.rows.dataset not in grant.datasets:
        yield Flaw(key="rows", message=f"{grant.rows.dataset} is not among the datasets of this grant")
        return
    leader = datasets[grant.rows.dataset]
    for column in sorted(set(columns_of(grant.rows.predicate)) - leader.columns.keys()):
        yield Flaw(key="rows", message=f"{leader.name} has no column {column!r}")
    for name in sorted(grant.rows_follow):
        yield from _flaws_of_follower(name, grant=grant, leader=leader, datasets=datasets)
    for name in sorted(grant.datasets - grant.rows_follow - {leader.name}):
        # T9: unfiltered, an anti-join with the filtered dataset lists the pseudonyms of hidden persons.
        if shares_subject(datasets[name], leader=leader):
            yield Flaw(key="rows", message=f"{name} tells of the same subjects: add it to rows_follow")


def _flaws_of_follower(name: str, *, grant: Grant, leader: Dataset, datasets: Datasets) -> Iterator[Flaw]:
    if name == leader.name or name not in grant.datasets:
        yield Flaw(key="rows_follow", message=f"{name} must be another dataset of this grant")
        return
    follower = datasets[name]
    if leader.subject is None or follower.subject is None or leader.subject.domain != follower.subject.domain:
        message = f"{name} cannot follow {leader.name}: following needs a subject of the same domain in both"
        yield Flaw(key="rows_follow", message=message, offered=False)
    elif follower.source != leader.source:
        message = f"{name} cannot follow {leader.name} into another source: write a grant for each source"
        yield Flaw(key="rows_follow", message=message, offered=False)
    elif follower.columns[follower.subject.column].type != leader.columns[leader.subject.column].type:
        # T10: two types are compared by the source's own rules.
        message = f"{name} cannot follow {leader.name}: their subject columns have different types"
        yield Flaw(key="rows_follow", message=message, offered=False)


def shares_subject(dataset: Dataset, *, leader: Dataset) -> bool:
    """Whether any column of the dataset identifies the leader's subjects, its own subject or not."""
    if leader.subject is None:
        return False
    return any(column.domain == leader.subject.domain for column in dataset.columns.values())


def _pointed(flaw: Flaw, *, node: Node) -> Invalid:
    fields = node.mapping()
    error = fields.get(flaw.key, node).fail(flaw.message)
    return error if flaw.offered else Unsupported(error.message, code="policy")


def _read_grant(node: Node, *, datasets: Datasets, parse_predicate: PredicateParser) -> Grant:
    effect = _read_effect(node.mapping(required=_COMMON).get("effect"))
    if effect == "allow":
        fields = node.mapping(required=_COMMON | _ALLOW, optional=_ALLOW_OPTIONAL)
    else:
        fields = node.mapping(required=_COMMON | _DENY, optional=_DENY_OPTIONAL)
    rows = fields.get("rows")
    grant_id = _read_name(fields["id"], what="a grant's id")
    return Grant(
        id=grant_id,
        effect=effect,
        role=_read_name(fields["role"], what="a role's name"),
        environment=_read_name(fields["environment"], what="an environment's name"),
        datasets=_read_texts(fields["datasets"]),
        purposes=_read_texts(fields["purposes"]),
        level=_read_level(fields["level"], allowed=tuple(Level)) if effect == "allow" else None,
        columns=_read_exceptions(fields.get("columns")) if effect == "allow" else {},
        denied_columns=_read_denied(fields.get("columns")) if effect == "deny" else frozenset(),
        at_most=_read_level(fields["at_most"], allowed=_CAPS) if "at_most" in fields else None,
        rows=_read_rows(rows, datasets=datasets, parse_predicate=parse_predicate) if rows else None,
        rows_follow=frozenset(n.text() for n in fields["rows_follow"].sequence()) if "rows_follow" in fields else _NONE,
        expires=_read_moment(fields["expires"]) if "expires" in fields else None,
        rule=RuleRef(file=node.file, line=node.line, id=grant_id),
    )


def _read_effect(node: Node | None) -> Literal["allow", "deny"]:
    match node.value if node else "allow":
        case "allow":
            return "allow"
        case "deny":
            return "deny"
        case _:
            assert node is not None  # noqa: S101 - for mypy: an absent node is "allow"
            raise node.fail("unknown effect; allowed: allow, deny")


def _read_name(node: Node, *, what: str) -> str:
    if not is_name(node.text()):
        raise node.fail(f"{what} is 1..63 of a-z 0-9 -")
    return node.text()


def _read_texts(node: Node) -> frozenset[str]:
    if not node.sequence():
        raise node.fail("at least one is needed")
    return frozenset(item.text() for item in node.sequence())


def _read_level(node: Node, *, allowed: tuple[Level, ...]) -> Level:
    for level in allowed:
        if level == node.value:
            return level
    raise node.fail(f"unknown level; allowed: {', '.join(allowed)}")


def _read_exceptions(node: Node | None) -> Mapping[str, Level]:
    if node is None:
        return {}
    return {name: _read_level(level, allowed=tuple(Level)) for name, level in node.mapping().items()}


def _read_denied(node: Node | None) -> frozenset[str]:
    return frozenset(item.text() for item in node.sequence()) if node else _NONE


def _read_rows(node: Node, *, datasets: Datasets, parse_predicate: PredicateParser) -> RowRule:
    fields = node.mapping(required=frozenset({"dataset", "where"}), optional=frozenset())
    dataset = datasets.get(fields["dataset"].text())
    if dataset is None:
        raise fields["dataset"].fail(f"unknown dataset; datasets are: {', '.join(sorted(datasets))}")
    text = fields["where"].text()
    try:
        predicate = parse_predicate(text, columns=dataset.columns)
    except Invalid as error:
        raise fields["where"].fail(error.message) from None
    return RowRule(dataset=dataset.name, predicate=predicate, text=text)


def _read_moment(node: Node) -> datetime.datetime:
    """A day ends nothing late: `2027-06-30` means from that day's first moment, UTC, the grant no longer holds."""
    match node.value:
        case datetime.datetime(tzinfo=zone) as moment if zone is not None:
            return moment.astimezone(datetime.UTC)
        case datetime.datetime():
            raise node.fail("a time needs its zone: 2027-06-30T12:00:00Z")
        case datetime.date() as day:
            return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)
        case _:
            raise node.fail("a date is needed here: 2027-06-30")
