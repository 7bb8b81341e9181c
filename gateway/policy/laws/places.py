"""Where one value stands: in all columns of its domain, and in its table's column by whatever dataset."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.terms.dataset import Column, Dataset, Datasets

Table = tuple[str, tuple[str, ...]]
"""Source and name; one spelling is one table (spelling.py)."""


def table_of(dataset: Dataset) -> Table:
    """What the dataset reads."""
    return dataset.source, dataset.table


def places_of(dataset: Dataset, column: Column) -> tuple[str, ...]:
    """In words; columns that share one show one value."""
    own = f"column {column.name} of table {'.'.join(dataset.table)} of {dataset.source}"
    return (own, f"values of domain {column.domain}") if column.domain else (own,)


def joined_to(domain: str, *, datasets: Datasets) -> Mapping[str, Dataset]:
    """The datasets whose rows can be joined to a domain's subjects.

    By a column of the domain, there or in another dataset over the same table.
    """
    tables = {
        table_of(dataset)
        for dataset in datasets.values()
        if any(column.domain == domain for column in dataset.columns.values())
    }
    return {name: dataset for name, dataset in datasets.items() if table_of(dataset) in tables}
