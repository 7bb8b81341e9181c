"""Policy folders for tests: the vectors' base with texts laid over it, and a parser for the simplest row filters."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.catalog import read_catalog
from gateway.errors import Invalid
from gateway.policy import Bundle, NoDynamicGrants, PolicyDecisionPoint, load_bundle
from gateway.terms.dataset import Column
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import Principal
from gateway.terms.policy import Grant
from gateway.terms.predicate import OneOf, Predicate

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "policy"
NOW = datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC)
_FILTER = re.compile(r"(?P<column>\w+) (?:= (?P<one>'\w+')|IN \((?P<many>'\w+'(?:, '\w+')*)\))")


def folder(path: Path) -> PolicyFiles:
    return PolicyFiles({p.relative_to(path).as_posix(): p.read_text() for p in path.rglob("*") if p.is_file()})


def files(changed: Mapping[str, str] | None = None) -> PolicyFiles:
    return PolicyFiles({**folder(VECTORS / "base").files, **(changed or {})})


def grants(*lines: str) -> dict[str, str]:
    return {"grants.yaml": "".join(f"- {{{line}}}\n" for line in lines)}


def parse_predicate(text: str, *, columns: Mapping[str, Column]) -> Predicate:
    match = _FILTER.fullmatch(text)
    if match is None or match["column"] not in columns:
        raise Invalid("not a row filter: COLUMN = 'x' or COLUMN IN ('x', 'y')")
    values = (match["one"] or match["many"]).split(", ")
    return OneOf(match["column"], tuple(value.strip("'") for value in values))


def bundle(changed: Mapping[str, str] | None = None) -> Bundle:
    folder_ = files(changed)
    return load_bundle(folder_, datasets=read_catalog(folder_), parse_predicate=parse_predicate)


class Approved:
    """A GrantReader over a list that tests may change."""

    def __init__(self, *current: Grant) -> None:
        self.grants = list(current)

    def current(self, *, now: datetime.datetime) -> Sequence[Grant]:
        return [grant for grant in self.grants if grant.expires is None or now < grant.expires]


def pdp(changed: Mapping[str, str] | None = None, *, approved: Approved | None = None) -> PolicyDecisionPoint:
    return PolicyDecisionPoint(bundle(changed), grants=approved or NoDynamicGrants())


def principal(*roles: str, environment: str = "dev") -> Principal:
    return Principal(
        id="ana", roles=frozenset(roles), environment=environment, issuer="token", credential_id="0123456789"
    )


def uses(**columns: Sequence[str]) -> dict[str, frozenset[str]]:
    """`uses(people=["email"])` stands for s.people."""
    return {f"s.{name}": frozenset(needed) for name, needed in columns.items()}
