"""Whom the rows of a table are about: tables of people, and the columns that name one of them."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.catalog.sampling.facts import TableFacts
from gateway.catalog.scanning.domains import Domain
from gateway.catalog.scanning.relations import Place, Relations
from gateway.catalog.scanning.words import is_outsiders, is_staffs, stem_of

_NAMES: Final = frozenset({"person", "first_name", "last_name", "birth_name"})
_PERSONAL: Final = _NAMES | {"email", "phone", "birth_date", "national_id", "document", "address", "gender", "age"}
_CUSTOMERS: Final = frozenset({"customer", "client"})
_ENOUGH: Final = 2
"""Kinds of personal data; a shop has a phone too."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """By table, as far as there is one."""

    columns: Mapping[int, Place]
    domains: Mapping[int, str]
    people: Mapping[int, int]
    """The table that describes the subject of a table's rows; a table of people: itself."""
    paths: Mapping[int, str]
    """Without a subject of its own: the column over which the nearest one is reached."""


def find_subjects(tables: Sequence[TableFacts], relations: Relations, domains: Sequence[Domain]) -> Subjects:
    """The subject of each table whose rows name one."""
    domain_of = {place: domain.name for domain in domains for place in domain.places}
    people = _people(tables, relations, domain_of)
    columns = {
        number: place
        for number in range(len(tables))
        if (place := _column(number, tables, relations=relations, domain_of=domain_of, people=people)) is not None
    }
    described = {domain_of[place]: number for number, place in people.items()}
    return Subjects(
        columns=columns,
        domains={number: domain_of[place] for number, place in columns.items()},
        people={
            number: described[domain_of[place]] for number, place in columns.items() if domain_of[place] in described
        },
        paths=_paths(len(tables), relations, columns),
    )


def _people(tables: Sequence[TableFacts], relations: Relations, domain_of: Mapping[Place, str]) -> dict[int, Place]:
    """Tables of people with their keys: the most referred to first, those of staff last."""
    referred = Counter(relations.keys.values())
    found = {}
    for number, facts in enumerate(tables):
        kinds = {c.verdict.kind for c in facts.columns.values() if c.verdict is not None} & _PERSONAL
        key = _own_key(number, facts, domain_of)
        if key is not None and len(kinds) >= _ENOUGH and kinds & (_NAMES | {"birth_date", "national_id"}):
            found[number] = key
    ranked = sorted(found, key=lambda n: (is_staffs(tables[n].table.name[-1]), -referred[found[n]], n))
    one_each: dict[str, int] = {}
    for number in ranked:  # customers and their details share a key: the first describes them
        one_each.setdefault(domain_of[found[number]], number)
    return {number: found[number] for number in ranked if number in one_each.values()}


def _own_key(number: int, facts: TableFacts, domain_of: Mapping[Place, str]) -> Place | None:
    for columns in (facts.table.primary_key, *facts.table.unique):
        if len(columns) == 1 and (number, columns[0]) in domain_of:
            return (number, columns[0])
    return None


def _column(
    number: int,
    tables: Sequence[TableFacts],
    *,
    relations: Relations,
    domain_of: Mapping[Place, str],
    people: Mapping[int, Place],
) -> Place | None:
    """Its own key in a table of people; else the column that names one: by a key, of the fewest words."""
    if number in people:
        return people[number]
    ranks = {domain_of[place]: rank for rank, place in enumerate(people.values())}
    named = [(number, name) for name in tables[number].columns if not is_outsiders(name)]
    candidates = [place for place in named if domain_of.get(place) in ranks]
    if not candidates:
        return next((p for p in named if p in domain_of and _is_customers(p, tables)), None)
    return min(
        candidates,
        key=lambda place: (
            ranks[domain_of[place]],
            place not in relations.keys,
            -tables[number].columns[place[1]].tried,
            len(stem_of(place[1])),
            place[1],
        ),
    )


def _is_customers(place: Place, tables: Sequence[TableFacts]) -> bool:
    verdict = tables[place[0]].columns[place[1]].verdict
    return bool(verdict and verdict.kind in _CUSTOMERS) or not _CUSTOMERS.isdisjoint(stem_of(place[1]))


def _paths(count: int, relations: Relations, columns: Mapping[int, Place]) -> dict[int, str]:
    """For each table without a subject the first step of the shortest way to one that has it."""
    steps: dict[int, list[tuple[str, int]]] = {number: [] for number in range(count)}
    for (number, name), (there, _) in sorted(relations.keys.items()):
        steps[number].append((name, there))
    found = {}
    for number in range(count):
        if number not in columns and (first := _first_step(number, steps, columns)):
            found[number] = first
    return found


def _first_step(start: int, steps: Mapping[int, Sequence[tuple[str, int]]], columns: Mapping[int, Place]) -> str:
    seen, waiting = {start}, deque([(name, there) for name, there in steps[start]])
    while waiting:
        first, number = waiting.popleft()
        if number in columns:
            return first
        if number not in seen:
            seen.add(number)
            waiting += [(first, there) for _, there in steps[number]]
    return ""
