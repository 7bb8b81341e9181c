"""`about:` of a free text: where the row's own subject is described, so that the text's mask knows its values."""

from __future__ import annotations

import re
from typing import Final

from gateway.terms.dataset import About, Column, Dataset, Datasets
from gateway.terms.document import Node
from gateway.terms.mask_spec import family_of

_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SPELLED: Final = frozenset({"string", "date", "integer"})
"""Families whose values stand in a text as they are spelled."""


def read_about(node: Node, *, dataset: Dataset, column: Column, datasets: Datasets) -> About:
    """Read `{dataset: D, on: {its column: column of D}, role: column of D, …}`.

    Raises:
        Invalid: unknown dataset or column, no `on`, no role, types differ, a type that no text spells, or another
            source (both are read in one statement).
    """
    fields = node.mapping(required=frozenset({"dataset", "on"}))
    target = datasets.get(fields["dataset"].text())
    if target is None:
        raise fields["dataset"].fail(f"unknown dataset; datasets are: {', '.join(sorted(datasets))}")
    if target.source != dataset.source:
        raise fields["dataset"].fail(f"{column.name} can only be about a dataset of source {dataset.source}")
    joins = fields["on"].mapping()
    if not joins:
        raise fields["on"].fail("on: {column here: column there} is needed")
    for here, there in joins.items():
        left = _column(there, name=here, dataset=dataset)
        right = _column(there, name=there.text(), dataset=target)
        if left.type != right.type:
            raise there.fail(f"{here} is {left.type} and {right.name} is {right.type}: they must be equal")
    roles = {role: known for role, known in fields.items() if role not in {"dataset", "on"}}
    if not roles:
        raise node.fail("a role is needed, such as name: full_name")
    for role, known in roles.items():
        _check_role(role, known, target=target)
    return About(
        dataset=target.name,
        on=tuple((here, there.text()) for here, there in joins.items()),
        roles=tuple((role, known.text()) for role, known in roles.items()),
    )


def _check_role(role: str, node: Node, *, target: Dataset) -> None:
    if not _ROLE.fullmatch(role):
        raise node.fail("a role is a word of a-z 0-9 _, such as name, email, iban, phone, address, birth_date")
    kind = _column(node, name=node.text(), dataset=target).type
    if family_of(kind) not in _SPELLED:
        raise node.fail(f"a text spells strings, dates and whole numbers, not {kind}")


def _column(node: Node, *, name: str, dataset: Dataset) -> Column:
    if name not in dataset.columns:
        raise node.fail(f"unknown column {name!r}; columns of {dataset.name} are: {', '.join(dataset.columns)}")
    return dataset.columns[name]
