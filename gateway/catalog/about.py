"""`about:` of a free text: where the row's own subject is described, so that the text's mask knows its values."""

from __future__ import annotations

from gateway.terms.dataset import Column, Dataset, Datasets
from gateway.terms.document import Node


def check_about(node: Node, *, dataset: Dataset, column: Column, datasets: Datasets) -> None:
    """Check `{dataset: D, on: {its column: column of D}, role: column of D, …}`.

    Raises:
        Invalid: unknown dataset or column, no `on`, types differ, or another source (both are read in one statement).
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
    for role, known in fields.items():
        if role not in {"dataset", "on"}:
            _column(known, name=known.text(), dataset=target)


def _column(node: Node, *, name: str, dataset: Dataset) -> Column:
    if name not in dataset.columns:
        raise node.fail(f"unknown column {name!r}; columns of {dataset.name} are: {', '.join(dataset.columns)}")
    return dataset.columns[name]
