"""From facts about all tables to a proposal. What the catalog lists stays; what is not known is masked as the worst."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.catalog.sampling.facts import ColumnFacts, TableFacts
from gateway.catalog.scanning.domains import Domain, find_domains
from gateway.catalog.scanning.hints import about_of, clip_of, is_measure, mask_of, stricter_time, watermark_of
from gateway.catalog.scanning.naming import UNNAMED, is_identifier, name_tables
from gateway.catalog.scanning.relations import Place, Relations, find_relations
from gateway.catalog.scanning.subjects import Subjects, find_subjects
from gateway.catalog.scanning.words import is_outsiders
from gateway.catalog.types import spelled
from gateway.terms.dataset import Column, Dataset, Datasets, Subject
from gateway.terms.proposal_catalog import ColumnProposal, DomainProposal, TableProposal
from gateway.terms.recognition import Evidence
from gateway.terms.source_schema import SourceSchema

_SURE: Final = 0.9
"""Of a column that a declared or virtual key says is an identifier."""
_DIMENSIONS: Final = frozenset({"public"})
"""Classes whose few values are offered for grouping; others only by a reviewer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the catalog files say already."""

    schema: SourceSchema
    datasets: Datasets
    """Of this source."""
    canons: Mapping[str, str]

    def listed(self) -> Mapping[tuple[str, ...], Dataset]:
        """By the table's full name."""
        found = {}
        for dataset in self.datasets.values():
            table = self.schema.find(dataset.table)
            if table is not None:
                found[table.name] = dataset
        return found


class _Proposer:
    """One proposal in the making."""

    def __init__(self, tables: Sequence[TableFacts], beside: Beside) -> None:
        self._tables = tables
        self._beside = beside
        self._listed = beside.listed()
        self._named = name_tables([facts.table for facts in tables], beside.schema, beside.datasets.values())
        self._names = {number: named.dataset for number, named in self._named.items()}
        self._relations: Relations = find_relations(tables)
        self._row_keys = frozenset[Place]()
        domains = self._find_domains()
        self._row_keys = self._keys_of_rows(find_subjects(tables, self._relations, domains))
        self._domains = self._find_domains()
        self._domain_of = {place: domain for domain in self._domains for place in domain.places}
        self._subjects: Subjects = find_subjects(tables, self._relations, self._domains)

    def _find_domains(self) -> tuple[Domain, ...]:
        return find_domains(
            self._tables,
            self._relations,
            held=dict(self._held()),
            canons=self._beside.canons,
            rows=self._row_keys,
        )

    def _keys_of_rows(self, subjects: Subjects) -> frozenset[Place]:
        """Keys of tables about somebody: a note's number, in full, joins two projects' notes one by one."""
        keys = ((number, self._tables[number].table.primary_key) for number in subjects.columns)
        return frozenset((number, key[0]) for number, key in keys if len(key) == 1)

    def tables(self) -> tuple[TableProposal, ...]:
        return tuple(self._table(number) for number in range(len(self._tables)))

    def domains(self, tables: Sequence[TableProposal]) -> tuple[DomainProposal, ...]:
        """Those that a proposed column names and domains.yaml lacks."""
        used: dict[str, list[str]] = {}
        for table in tables:
            for column in table.columns:
                if column.listing == "new" and column.domain is not None:
                    used.setdefault(column.domain, []).append(f"{table.dataset}.{column.name}")
        return tuple(
            DomainProposal(name=domain.name, canon=domain.canon, columns=tuple(used[domain.name]))
            for domain in self._domains
            if domain.name in used and not domain.is_listed
        )

    def _held(self) -> Iterator[tuple[Place, str]]:
        for number, facts in enumerate(self._tables):
            dataset = self._listed.get(facts.table.name)
            for column in dataset.columns.values() if dataset else ():
                if column.domain is not None and column.name in facts.columns:
                    yield (number, column.name), column.domain

    def _table(self, number: int) -> TableProposal:
        facts, name = self._tables[number], self._names.get(number, "")
        dataset = self._listed.get(facts.table.name)
        columns = tuple(self._column(number, name, dataset) for name in facts.columns)
        note = facts.note or ("" if name else UNNAMED)
        proposal = TableProposal(
            table=self._named[number].table if number in self._named else facts.table.name,
            dataset=name,
            listing="listed" if dataset else "new" if name else "unlistable",
            columns=columns,
            row_estimate=facts.table.row_estimate,
            sampled_rows=facts.rows,
            note=note,
        )
        if dataset is not None:
            return dataclasses.replace(proposal, subject=dataset.subject, watermark=dataset.watermark)
        mark = watermark_of(facts)
        return dataclasses.replace(
            proposal,
            subject=self._subject(number, columns),
            path=self._subjects.paths.get(number, ""),
            watermark=mark if mark and _is_listable(facts.columns[mark.column]) else None,
        )

    def _subject(self, number: int, columns: Sequence[ColumnProposal]) -> Subject | None:
        place = self._subjects.columns.get(number)
        known = next((c for c in columns if place is not None and c.name == place[1] and c.listing == "new"), None)
        return Subject(column=known.name, domain=known.domain) if known is not None and known.domain else None

    def _column(self, number: int, name: str, dataset: Dataset | None) -> ColumnProposal:
        facts = self._tables[number].columns[name]
        listed = dataset.columns.get(name) if dataset else None
        proposal = _judged(facts)
        if listed is not None:
            return _as_listed(proposal, listed)
        if not _is_listable(facts):
            note = _why_not(facts, self._tables[number])
            return dataclasses.replace(proposal, listing="unlistable", note=note)
        proposal = self._related(proposal, (number, name))
        if proposal.classification == "public":
            proposal = _of_somebody(proposal, facts, has_subject=number in self._subjects.columns)
        if proposal.classification == "free_text":
            proposal = self._about(proposal, number)
        is_masked = not proposal.needs_review
        return dataclasses.replace(
            proposal,
            mask=mask_of(facts, proposal.classification) if is_masked else None,
            clip=clip_of(facts, proposal.classification) if is_masked else None,
        )

    def _related(self, proposal: ColumnProposal, place: Place) -> ColumnProposal:
        """A column that names a row by its identifier is that identifier, whatever it seemed to be."""
        domain = self._domain_of.get(place)
        told = self._relations.evidence.get(place, ())
        outside = is_outsiders(place[1]) and domain is not None
        if domain is None:
            return dataclasses.replace(proposal, evidence=(*proposal.evidence, *told))
        sure = place in self._row_keys or (bool(told) and place in self._relations.keys)
        if place in self._row_keys and proposal.found != "direct_identifier":
            told = (*told, Evidence(rule="row_key"))
        return dataclasses.replace(
            proposal,
            classification="direct_identifier",
            domain=domain.name,
            dimension=False,
            is_outsiders=outside,
            evidence=(*proposal.evidence, *told),
            confidence=max(proposal.confidence, _SURE) if sure else proposal.confidence,
            needs_review=proposal.needs_review and not sure,
        )

    def _about(self, proposal: ColumnProposal, number: int) -> ColumnProposal:
        place, people = self._subjects.columns.get(number), self._subjects.people.get(number)
        if place is None or people is None or not self._names.get(people):
            note = "no column says whom this text is about: it is masked as a stranger's"
            return dataclasses.replace(proposal, note=note)
        key = self._subjects.columns[people]
        here, there = self._tables[number].columns[place[1]], self._tables[people].columns[key[1]]
        if here.type != there.type:
            return dataclasses.replace(proposal, note="its subject's key has another type there: no about:")
        about = about_of(dataset=self._names[people], on=(place[1], key[1]), people=self._tables[people])
        known = self._listed.get(self._tables[people].table.name)
        if about is not None and not _has_all(about.roles, key[1], self._tables[people], known):
            return dataclasses.replace(proposal, note="its subject's columns are not all listed: write about: by hand")
        return dataclasses.replace(proposal, about=about)


def propose(
    tables: Sequence[TableFacts], beside: Beside
) -> tuple[tuple[TableProposal, ...], tuple[DomainProposal, ...]]:
    """Datasets for all tables, and the domains that domains.yaml lacks for them."""
    proposer = _Proposer(tables, beside)
    proposed = proposer.tables()
    return proposed, proposer.domains(proposed)


def _judged(facts: ColumnFacts) -> ColumnProposal:
    """What the classifier says; where it is unsure, or has seen nothing, a direct identifier."""
    verdict = facts.verdict
    kind = spelled(facts.type) if facts.type is not None else ""
    name = facts.column.name
    if verdict is None:
        told = "" if facts.type is None else "nothing was sampled"
        return ColumnProposal(
            name=name, type=kind, listing="new", classification="direct_identifier", needs_review=True, note=told
        )
    unsure = verdict.needs_review
    return ColumnProposal(
        name=name,
        type=kind,
        listing="new",
        classification="direct_identifier" if unsure else verdict.classification,
        kind=verdict.kind,
        confidence=verdict.confidence,
        found=verdict.classification,
        evidence=tuple(Evidence(rule=e.rule, matched=e.matched, tried=e.tried) for e in verdict.evidence),
        needs_review=unsure,
        dimension=not unsure and verdict.is_dimension and verdict.classification in _DIMENSIONS,
    )


def _as_listed(proposal: ColumnProposal, column: Column) -> ColumnProposal:
    return dataclasses.replace(
        proposal,
        listing="listed",
        type=spelled(column.type),
        classification=column.classification,
        domain=column.domain,
        dimension=column.dimension,
        mask=column.mask,
        about=column.about,
        needs_review=False,
        note="",
    )


def _has_all(roles: Sequence[tuple[str, str]], key: str, people: TableFacts, listed: Dataset | None) -> bool:
    """Whether every column that `about:` would name will be in the catalog."""
    names = [key, *(column for _, column in roles)]
    known = listed.columns.keys() if listed is not None else ()
    return all(name in known or _is_listable(people.columns[name]) for name in names)


def _is_listable(facts: ColumnFacts) -> bool:
    return is_identifier(facts.column.name) and facts.type is not None and spelled(facts.type) != ""


def _of_somebody(proposal: ColumnProposal, facts: ColumnFacts, *, has_subject: bool) -> ColumnProposal:
    """A class that is public anywhere else, and here tells of the person that the row is about."""
    if stricter_time(facts, has_subject=has_subject):
        return dataclasses.replace(proposal, classification="quasi_identifier", dimension=False)
    if is_measure(facts, has_subject=has_subject):
        return dataclasses.replace(proposal, classification="sensitive", dimension=False)
    return proposal


def _why_not(facts: ColumnFacts, table: TableFacts) -> str:
    if table.table.refused:
        return table.table.refused
    if not is_identifier(facts.column.name):
        return (
            "a name of a-z 0-9 is needed that no other column has, case and signs aside: rename it, or nobody reads it"
        )
    return "the gateway does not read its type"
