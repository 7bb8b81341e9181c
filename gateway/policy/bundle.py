"""A loaded bundle: words, datasets, grants, and how each column is released at each level.

What happens to a column at a level depends on the reviewed files alone, so it is settled once, here; a
decision only picks the level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from gateway.policy.vocabulary import CANONS, Problems, Vocabulary
from gateway.terms.dataset import About, Column, Dataset, Datasets
from gateway.terms.document import Node
from gateway.terms.mask_reader import misfit_of
from gateway.terms.mask_spec import MASK_SPECS, NAMING, MaskUse, family_of
from gateway.terms.policy import AuxiliaryColumn, ColumnDecision, Grant, KnownColumn, Level, RuleRef

KEEP = MaskUse(name="keep")
REDACT = MaskUse(name="redact")
_SUBJECT = "subject"
NAME = "name"
_TEXT = "text"
Use = Literal["value", "dimension", "measure", "subject"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A column that does not leave at a level, and the rule that says so."""

    reason: str
    rule: RuleRef


Release = ColumnDecision | Withheld
Releases = Mapping[tuple[str, str, Level], Release]
"""By dataset, column and level."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Everything that decides, but for dynamic grants. Made by `load_bundle` only."""

    digest: str
    datasets: Datasets
    vocabulary: Vocabulary
    releases: Releases
    grants: tuple[Grant, ...]
    """Of the files, in their order."""
    model: str
    """casbin's model, as reviewed."""


def settle_releases(datasets: Datasets, *, vocabulary: Vocabulary, problems: Problems) -> Releases:
    """How each column of each dataset is released at each level; misfits are noted."""
    releases: dict[tuple[str, str, Level], Release] = {}
    for dataset in datasets.values():
        for column in dataset.columns.values():
            with problems.noted():
                _check_domain(column, dataset=dataset, vocabulary=vocabulary)
                for level in Level:
                    release = _settle(column, dataset=dataset, level=level, vocabulary=vocabulary)
                    if isinstance(release, ColumnDecision) and release.mask.name == _TEXT:
                        known = _known_columns(column, dataset=dataset, datasets=datasets, vocabulary=vocabulary)
                        release = dataclasses.replace(release, known=known)
                    releases[dataset.name, column.name, level] = release
    return releases


def _check_domain(column: Column, *, dataset: Dataset, vocabulary: Vocabulary) -> None:
    if column.domain is None:
        return
    here = Node(None, dataset.file, column.line)
    domain = vocabulary.domains.get(column.domain)
    if domain is None:
        raise here.fail(f"unknown domain {column.domain!r}; domains are: {', '.join(vocabulary.domains)}")
    if family_of(column.type) not in CANONS[domain.canon]:
        raise here.fail(f"canon {domain.canon} of domain {domain.name} has no form for {column.type}")


def _settle(column: Column, *, dataset: Dataset, level: Level, vocabulary: Vocabulary) -> Release:
    if level is Level.AGGREGATED:
        return _aggregated(column, dataset=dataset, vocabulary=vocabulary)
    stated = vocabulary.levels[column.classification, level]
    if level is Level.PSEUDONYMIZED and column.mask is not None:
        rule = RuleRef(file=dataset.file, line=column.line, id=f"{dataset.name}.{column.name}")
        return _released(column, dataset=dataset, mask=column.mask, rule=rule, vocabulary=vocabulary)
    if stated.word == "deny":
        return Withheld(reason=f"no {column.classification} is shown at the {level} level", rule=stated.rule)
    if stated.word == "keep":
        decision = _released(column, dataset=dataset, mask=KEEP, rule=stated.rule, vocabulary=vocabulary)
        return dataclasses.replace(decision, level=level)
    if stated.word == "domain" and column.domain is not None:
        domain = vocabulary.domains[column.domain]
        return _released(column, dataset=dataset, mask=domain.mask, rule=domain.rule, vocabulary=vocabulary)
    if stated.word == "text" and dataset.subject is not None and family_of(column.type) == "string":
        mask = MaskUse(name=_TEXT)
        return _released(column, dataset=dataset, mask=mask, rule=stated.rule, vocabulary=vocabulary)
    return _released(column, dataset=dataset, mask=REDACT, rule=stated.rule, vocabulary=vocabulary)


def _released(
    column: Column, *, dataset: Dataset, mask: MaskUse, rule: RuleRef, vocabulary: Vocabulary
) -> ColumnDecision:
    here = Node(None, dataset.file, column.line)
    if wrong := misfit_of(mask, column.type, stated=str(rule)):
        raise here.fail(f"{wrong}: give {column.name} a mask of its own")
    spec = MASK_SPECS[mask.name]
    own_scope = f"{dataset.name}.{column.name}" if spec.keyed and spec.keyed_by == "domain" else None
    # Without a domain nothing joins, so nothing needs to be brought into one form.
    canon = vocabulary.domains[column.domain].canon if column.domain else ("exact" if spec.keyed else None)
    if spec.keyed and spec.canons and canon not in spec.canons:
        allowed = ", ".join(sorted(spec.canons))
        raise here.fail(f"mask {mask.name} ({rule}) finds no value of its format in canon {canon}; allowed: {allowed}")
    return ColumnDecision(
        dataset=dataset.name,
        column=column.name,
        level=Level.PSEUDONYMIZED,
        mask=mask,
        domain=column.domain or own_scope,
        canon=canon,
        use="value",
        rule=rule,
        auxiliary=tuple(
            _auxiliary(role, mask=mask, column=column, dataset=dataset, vocabulary=vocabulary)
            for role in spec.auxiliary_with(mask.parameters)
        ),
    )


def _auxiliary(
    role: str, *, mask: MaskUse, column: Column, dataset: Dataset, vocabulary: Vocabulary
) -> AuxiliaryColumn:
    """The column that plays the role: the dataset's subject, or what the mask's parameter of that name names."""
    here = Node(None, dataset.file, column.line)
    subject = dataset.subject.column if dataset.subject else None
    name = subject if role == _SUBJECT else mask.parameters.get(role)
    if name is None:
        raise here.fail(f"mask {mask.name} of {column.name} goes by data subjects: {dataset.name} needs a subject")
    played = dataset.columns.get(str(name))
    if played is None:
        raise here.fail(
            f"{role} of mask {mask.name}: unknown column {name!r}; columns are: {', '.join(dataset.columns)}"
        )
    if played.name == column.name:
        raise here.fail(f"{role} of mask {mask.name}: {column.name} cannot be masked by itself")
    domain = vocabulary.domains.get(played.domain) if played.domain else None
    return AuxiliaryColumn(
        role=role,
        column=played.name,
        type=played.type,
        domain=played.domain,
        canon=domain.canon if domain else None,
    )


def _aggregated(column: Column, *, dataset: Dataset, vocabulary: Vocabulary) -> Release:
    stated = vocabulary.levels[column.classification, Level.AGGREGATED]
    use: Use | None = None
    if dataset.subject is not None and column.name == dataset.subject.column:
        use = "subject"
    elif stated.word == "dimension_if_declared" and column.dimension:
        use = "dimension"
    elif stated.word == "measure":
        use = "measure"
    if use is None:
        return Withheld(reason=f"no dimension or measure of {dataset.name} at the aggregated level", rule=stated.rule)
    return ColumnDecision(
        dataset=dataset.name,
        column=column.name,
        level=Level.AGGREGATED,
        mask=KEEP,
        domain=column.domain,
        canon=vocabulary.domains[column.domain].canon if column.domain else None,
        use=use,
        rule=stated.rule,
    )


def _known_columns(
    column: Column, *, dataset: Dataset, datasets: Datasets, vocabulary: Vocabulary
) -> tuple[KnownColumn, ...]:
    """What the mask `text` is told of a row's own subject: one for each role of `about:`, in the catalog's order."""
    about = column.about
    if about is None:
        return ()
    there = datasets[about.dataset]
    subject = _subject_of(about, dataset=dataset, there=there)
    known = []
    for role, name in about.roles:
        found = there.columns[name]
        named = subject if role == NAME else found
        domain = vocabulary.domains.get(found.domain) if found.domain else None
        known.append(
            KnownColumn(
                role=role,
                dataset=there.name,
                table=there.table,
                column=name,
                type=found.type,
                on=about.on,
                mask=_naming(named, vocabulary=vocabulary) if named else None,
                domain=found.domain,
                canon=domain.canon if domain else None,
            )
        )
    return tuple(known)


def _subject_of(about: About, *, dataset: Dataset, there: Dataset) -> Column | None:
    """The column that says by its pseudonym whom a found name names; None: the name may be another's than the row's."""
    here, other = dataset.subject, there.subject
    if here is None or other is None or here.domain != other.domain or (here.column, other.column) not in about.on:
        return None
    return dataset.columns[here.column]


def _naming(column: Column, *, vocabulary: Vocabulary) -> MaskUse | None:
    """The mask that gives the column its pseudonyms; None: it has none that join."""
    stated = vocabulary.levels[column.classification, Level.PSEUDONYMIZED]
    domain = vocabulary.domains.get(column.domain) if column.domain else None
    mask = column.mask or (domain.mask if domain and stated.word == "domain" else None)
    return mask if domain and mask and mask.name in NAMING else None
