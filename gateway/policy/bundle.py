"""A loaded bundle: words, datasets, grants, and how each column is released at each level.

What happens to a column at a level depends on the reviewed files alone, so it is settled once, here; a
decision only picks the level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from gateway.policy.vocabulary import CANONS, Problems, Vocabulary
from gateway.terms.dataset import Column, Dataset, Datasets
from gateway.terms.document import Node
from gateway.terms.mask_reader import accepts
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, family_of
from gateway.terms.policy import ColumnDecision, Grant, Level, RuleRef

KEEP = MaskUse(name="keep")
REDACT = MaskUse(name="redact")
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
                    releases[dataset.name, column.name, level] = _settle(
                        column, dataset=dataset, level=level, vocabulary=vocabulary
                    )
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
    return _released(column, dataset=dataset, mask=REDACT, rule=stated.rule, vocabulary=vocabulary)


def _released(
    column: Column, *, dataset: Dataset, mask: MaskUse, rule: RuleRef, vocabulary: Vocabulary
) -> ColumnDecision:
    if not accepts(mask, column.type):
        here = Node(None, dataset.file, column.line)
        raise here.fail(f"mask {mask.name} ({rule}) does not take {column.type}: give {column.name} a mask of its own")
    keyed = MASK_SPECS[mask.name].keyed
    own_scope = f"{dataset.name}.{column.name}" if keyed else None
    # Without a domain nothing joins, so nothing needs to be brought into one form.
    canon = vocabulary.domains[column.domain].canon if column.domain else ("exact" if keyed else None)
    return ColumnDecision(
        dataset=dataset.name,
        column=column.name,
        level=Level.PSEUDONYMIZED,
        mask=mask,
        domain=column.domain or own_scope,
        canon=canon,
        use="value",
        rule=rule,
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
