"""Which columns hold one identifier: declared keys, names, kinds, and values compared by keyed hashes.

Samples of two large tables need share no value, and small numbers share all of theirs by chance. So a key that is
declared counts as it is; a name counts unless the values contradict it; values alone count only where chance cannot
make them equal.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from gateway.catalog.sampling.facts import ColumnFacts, TableFacts
from gateway.catalog.scanning.words import is_outsiders, singular, stem_of, words_of
from gateway.terms.mask_spec import family_of
from gateway.terms.recognition import Evidence

SELF_NAMED: Final = frozenset(
    {"email", "phone", "iban", "card", "national_id", "document", "mac", "ip", "device", "crypto", "plate", "username"}
)
"""Kinds whose values are one identifier wherever they stand."""
_NEVER: Final = frozenset({"person", "first_name", "last_name", "birth_name", "address", "url", "other"})
"""Two people share a name, and a house."""
_EXPECTED: Final = 8.0
"""Hits that two samples should have; fewer, and their absence says nothing."""
_CONTRADICTED: Final = 0.1
_ALONE_HITS: Final = 10
_ALONE_SHARE: Final = 0.2
"""Of the smaller column's distinct values: without a name, so many must be equal."""
_CROWD: Final = 20
"""A value that stands in more columns than this tells nothing of any two."""

Place = tuple[int, str]
"""Number of the table, and the column."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """Columns in groups of one identifier each, and why."""

    groups: tuple[tuple[Place, ...], ...]
    """Of two columns or more, or of one that stands for itself."""
    evidence: Mapping[Place, tuple[Evidence, ...]]
    keys: Mapping[Place, Place]
    """A column that names a row elsewhere → that row's key."""


class _Union:
    """Disjoint sets of places."""

    def __init__(self) -> None:
        self._above: dict[Place, Place] = {}

    def root(self, place: Place) -> Place:
        while (above := self._above.get(place, place)) != place:
            place = above
        return place

    def join(self, one: Place, other: Place) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first


class _Finder:
    """One look at all tables."""

    def __init__(self, tables: Sequence[TableFacts]) -> None:
        self._tables = tables
        self._union = _Union()
        self._evidence: dict[Place, list[Evidence]] = defaultdict(list)
        self._keys: dict[Place, Place] = {}
        self._facts = dict(_candidates(tables))
        self._primary = {place for place in self._facts if self._is_key(place)}

    def found(self) -> Relations:
        self._declared()
        self._named()
        self._of_one_kind()
        self._alike()
        groups: dict[Place, list[Place]] = defaultdict(list)
        for place in sorted(self._facts):
            groups[self._union.root(place)].append(place)
        evidence = {place: tuple(dict.fromkeys(told)) for place, told in self._evidence.items()}
        return Relations(
            groups=tuple(tuple(group) for group in groups.values()), evidence=evidence, keys=dict(self._keys)
        )

    def _declared(self) -> None:
        """Foreign keys of one column, as the source declares them."""
        by_name = {facts.table.name: number for number, facts in enumerate(self._tables)}
        for number, facts in enumerate(self._tables):
            for key in facts.table.foreign_keys:
                if len(key.columns) != 1 or len(key.references) != 1 or key.table not in by_name:
                    continue
                here, there = (number, key.columns[0]), (by_name[key.table], key.references[0])
                if here in self._facts and there in self._facts:
                    self._link(here, there, Evidence(rule="foreign_key"))

    def _named(self) -> None:
        """Virtual foreign keys: `orders.customer_id` names the key `customers.id` or `customers.customer_id`."""
        keys: dict[tuple[str, ...], list[Place]] = defaultdict(list)
        for place in sorted(self._primary):
            for name in self._names_of_key(place):
                keys[name].append(place)
        for place in sorted(self._facts.keys() - self._keys.keys()):
            stem = stem_of(place[1])
            # the last words count: payer_customer_id is a customer too
            for start in range(len(stem)):
                named = [key for key in keys.get(stem[start:], ()) if self._fits(place, key)]
                if named:
                    self._link(place, named[0], self._overlap(place, named[0]))
                    break

    def _names_of_key(self, place: Place) -> Iterator[tuple[str, ...]]:
        table = singular(words_of(self._tables[place[0]].table.name[-1]))
        stem = stem_of(place[1])
        yield from {stem, table} - {()} if not stem or stem in {table, table[-1:]} else {stem}

    def _fits(self, place: Place, key: Place) -> bool:
        """Whether a column may name rows of another table by this key."""
        if key[0] == place[0] or (place in self._primary and stem_of(place[1]) != stem_of(key[1])):
            return False
        if is_outsiders(place[1]) or not self._is_of_one_type(place, key):
            return False
        expected, hits = self._expected(place, key), self._hits(place, key)
        return expected < _EXPECTED or hits >= _CONTRADICTED * expected

    def _of_one_kind(self) -> None:
        """E-mail addresses are e-mail addresses; customer numbers only those whose columns are called alike."""
        alike: dict[tuple[object, ...], list[Place]] = defaultdict(list)
        for place, facts in sorted(self._facts.items()):
            kind = facts.verdict.kind if facts.verdict else ""
            if is_outsiders(place[1]):
                alike["outside", words_of(place[1])].append(place)
            elif kind in SELF_NAMED:
                alike["kind", kind].append(place)
            elif place not in self._primary and place not in self._keys and stem_of(place[1]):
                alike["stem", stem_of(place[1]), family_of(facts.type) if facts.type else None].append(place)
        for (way, *_), places in alike.items():
            for place in places[1:]:
                if way != "stem" or self._hits(places[0], place):
                    self._union.join(places[0], place)

    def _alike(self) -> None:
        """Columns with other names whose values are the same, where that is no chance."""
        shared: dict[tuple[Place, Place], int] = defaultdict(int)
        places = [p for p in sorted(self._facts) if self._tells(p)]
        for crowd in _crowds([self._facts[p].hashes for p in places]):
            for pair in combinations((places[number] for number in crowd), 2):
                shared[pair] += 1
        for (one, other), hits in sorted(shared.items()):
            smaller = min(self._facts[one].distinct, self._facts[other].distinct)
            if hits >= max(_ALONE_HITS, _ALONE_SHARE * smaller) and self._is_of_one_type(one, other):
                self._union.join(one, other)
                told = Evidence(rule="values", matched=hits, tried=smaller)
                self._evidence[other].append(told)

    def _tells(self, place: Place) -> bool:
        """Whether equal values mean something: nothing that counts up, and nothing that outsiders wrote."""
        facts = self._facts[place]
        kind = facts.verdict.kind if facts.verdict else ""
        is_direct = facts.verdict is not None and facts.verdict.classification == "direct_identifier"
        return is_direct and kind not in SELF_NAMED and not facts.is_dense and not is_outsiders(place[1])

    def _link(self, place: Place, key: Place, told: Evidence) -> None:
        self._keys[place] = key
        self._union.join(place, key)
        self._evidence[place].append(told)

    def _overlap(self, place: Place, key: Place) -> Evidence:
        return Evidence(rule="virtual_key", matched=self._hits(place, key), tried=self._facts[place].distinct)

    def _hits(self, one: Place, other: Place) -> int:
        first, second = self._facts[one].hashes, self._facts[other].hashes
        if first is None or second is None:
            return 0
        return len(np.intersect1d(first, second, assume_unique=True))

    def _expected(self, place: Place, key: Place) -> float:
        """Hits, if all values of the column stand in the key's table: as large a share as was sampled of it."""
        there = self._tables[key[0]]
        estimate = max(there.table.row_estimate or 0, there.rows, 1)
        hashes = self._facts[place].hashes
        return 0.0 if hashes is None else len(hashes) * there.rows / estimate

    def _is_of_one_type(self, one: Place, other: Place) -> bool:
        """Whether their values can be equal: numbers with numbers, and with texts that are all digits."""
        first, second = self._facts[one], self._facts[other]
        return _is_text(first) == _is_text(second) or (first.is_digits and second.is_digits)

    def _is_key(self, place: Place) -> bool:
        table = self._tables[place[0]].table
        return table.primary_key == (place[1],) or (not table.primary_key and (place[1],) in table.unique)


def find_relations(tables: Sequence[TableFacts]) -> Relations:
    """Groups of columns of one identifier, over all tables of a source."""
    return _Finder(tables).found()


def _candidates(tables: Sequence[TableFacts]) -> Iterator[tuple[Place, ColumnFacts]]:
    """Columns that may be an identifier: keys, foreign keys, and what the classifier says is one."""
    for number, facts in enumerate(tables):
        named = {key.columns[0] for key in facts.table.foreign_keys if len(key.columns) == 1}
        named |= {columns[0] for columns in (facts.table.primary_key, *facts.table.unique) if len(columns) == 1}
        for name, column in facts.columns.items():
            verdict = column.verdict
            is_direct = verdict is not None and verdict.classification == "direct_identifier"
            is_name = verdict is not None and verdict.kind in _NEVER
            if column.type is not None and _is_joinable(column) and (name in named or is_direct) and not is_name:
                yield (number, name), column


def _is_joinable(facts: ColumnFacts) -> bool:
    kind = facts.type
    whole = kind is not None and family_of(kind) == "decimal" and kind.scale == 0
    return kind is not None and (family_of(kind) in {"string", "integer"} or whole)


def _is_text(facts: ColumnFacts) -> bool:
    return facts.type is not None and family_of(facts.type) == "string"


def _crowds(columns: Sequence[np.ndarray | None]) -> Iterator[list[int]]:
    """For each value that stands in several columns: which ones."""
    filled = [(number, hashes) for number, hashes in enumerate(columns) if hashes is not None and len(hashes)]
    if len(filled) < 2:  # noqa: PLR2004 - a pair
        return
    values = np.concatenate([hashes for _, hashes in filled])
    owners = np.concatenate([np.full(len(hashes), number) for number, hashes in filled])
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], [True])) + 1
    begins = np.concatenate([[0], ends[:-1]])
    for begin, end in zip(begins, ends, strict=True):
        if 1 < end - begin <= _CROWD:
            yield sorted(int(owner) for owner in owners[begin:end])
