"""Names and canonical forms of domains: where values of one identifier join."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.catalog.sampling.facts import ColumnFacts, TableFacts
from gateway.catalog.scanning.relations import SELF_NAMED, Place, Relations
from gateway.catalog.scanning.words import is_outsiders, is_staffs, singular, stem_of, words_of
from gateway.terms.mask_spec import family_of

_CANONS: Final[Mapping[str, str]] = {"email": "trim_nfc_casefold", "username": "trim_nfc_casefold", "url": "exact"}
_CHECKED: Final = frozenset({"iban", "card", "phone", "national_id", "document", "plate", "mac", "bic", "lei"})
_MAX_NAME: Final = 63
_SPELLED: Final[Mapping[str, str]] = {"card": "card-number", "document": "identity-document"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain that columns are proposed for."""

    name: str
    canon: str
    places: tuple[Place, ...]
    is_listed: bool
    """domains.yaml has it."""


def find_domains(
    tables: Sequence[TableFacts],
    relations: Relations,
    *,
    held: Mapping[Place, str],
    canons: Mapping[str, str],
    rows: frozenset[Place] = frozenset(),
) -> tuple[Domain, ...]:
    """One for each identifier that is worth a pseudonym.

    Args:
        tables: of one source.
        relations: of those tables.
        held: columns that the catalog lists, with their domain.
        canons: of domains.yaml, by domain.
        rows: keys of rows that are about somebody: what they identify is more than nobody, whatever they seem to be.
    """
    found: dict[str, Domain] = {}
    for group in relations.groups:
        if not any(_is_direct(tables, place) or place in held or place in rows for place in group):
            continue
        if len(group) == 1 and group[0] not in held and group[0] not in rows and _is_unknown(_facts(tables, group[0])):
            continue
        name = _name(group, tables=tables, held=held)
        if name in found:  # another identifier that is called alike: what is not one must not join
            name = _other(name, group, tables=tables, taken=found)
        canon = _canon(name, group, tables=tables)
        fitting = tuple(place for place in group if _fits(_facts(tables, place), canons.get(name, canon)))
        found[name] = Domain(name=name, canon=canons.get(name, canon), places=fitting, is_listed=name in canons)
    return tuple(found[name] for name in sorted(found))


def _is_direct(tables: Sequence[TableFacts], place: Place) -> bool:
    verdict = _facts(tables, place).verdict
    return verdict is not None and verdict.classification == "direct_identifier"


def _is_unknown(facts: ColumnFacts) -> bool:
    """Whether nothing says what a column holds: it joins nothing before somebody does."""
    verdict = facts.verdict
    return verdict is None or (verdict.needs_review and verdict.kind not in SELF_NAMED)


def _facts(tables: Sequence[TableFacts], place: Place) -> ColumnFacts:
    return tables[place[0]].columns[place[1]]


def _name(group: Sequence[Place], *, tables: Sequence[TableFacts], held: Mapping[Place, str]) -> str:
    known = sorted(held[place] for place in group if place in held)
    if known:
        return max(known, key=known.count)
    if is_outsiders(group[0][1]):
        return _spelled(words_of(group[0][1]))
    key = next((place for place in group if tables[place[0]].table.primary_key == (place[1],)), None)
    if key is not None:
        return _of_key(key, tables=tables)
    verdict = _facts(tables, group[0]).verdict
    kind = verdict.kind if verdict else ""
    if kind in SELF_NAMED:
        return _SPELLED.get(kind, _spelled((kind,)))
    if kind == "staff" or is_staffs(group[0][1]):
        return "staff"
    return _spelled(stem_of(group[0][1]) or singular(words_of(tables[group[0][0]].table.name[-1])) or (kind,))


def _of_key(key: Place, *, tables: Sequence[TableFacts]) -> str:
    """`customer_id` of customers gives customer; `note_id` of call_notes call-note; `id` of orders order."""
    table, stem = singular(words_of(tables[key[0]].table.name[-1])), stem_of(key[1])
    return _spelled(table if not stem or table[-len(stem) :] == stem else stem)


def _other(name: str, group: Sequence[Place], *, tables: Sequence[TableFacts], taken: Mapping[str, Domain]) -> str:
    whole = _spelled((*(word for part in tables[group[0][0]].table.name for word in words_of(part)), name))
    numbered = (f"{whole[:58]}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain((whole,), numbered) if one not in taken)


def _spelled(words: Sequence[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(words)).strip("-")[:_MAX_NAME].strip("-")
    return plain or "identifier"


def _canon(name: str, group: Sequence[Place], *, tables: Sequence[TableFacts]) -> str:
    facts = [_facts(tables, place) for place in group]
    kinds = {each.verdict.kind for each in facts if each.verdict is not None}
    families = {family_of(each.type) for each in facts if each.type is not None}
    if "string" not in families or (len(families) > 1) or all(each.is_digits for each in facts):
        return "integer_text"
    for kind, canon in _CANONS.items():
        if kind in kinds:
            return canon
    if kinds & _CHECKED:
        return "alnum_upper"
    return "trim_nfc_casefold" if name == "staff" else "exact"


def _fits(facts: ColumnFacts, canon: str) -> bool:
    """Whether values of this column have the canonical form."""
    family = family_of(facts.type) if facts.type is not None else None
    allowed = {"string"} if canon in {"trim_nfc_casefold", "alnum_upper"} else {"string", "integer", "decimal"}
    if canon == "integer_text" and family == "string":
        return facts.is_digits
    return family in allowed
