"""One table has one spelling (T7, T8, T25): the laws know by its name that two datasets read one table.

`people` and `main.people` may be one table or two, only the server knows; so one source's datasets never name both.
Neither may two spellings differ by upper and lower case alone. Two sources over one database are not found.
"""

from __future__ import annotations

from gateway.policy.vocabulary import Problems
from gateway.terms.dataset import Dataset, Datasets
from gateway.terms.document import Node


def check_spelling(datasets: Datasets, *, problems: Problems) -> None:
    """Note every dataset whose table an earlier one of its source may spell otherwise."""
    before: list[Dataset] = []
    for dataset in datasets.values():
        other = next((one for one in before if _may_be_one(one, dataset)), None)
        before.append(dataset)
        if other is not None:
            with problems.noted():
                raise Node(None, dataset.file, dataset.line).fail(
                    f"{dataset.name} reads table {'.'.join(dataset.table)} and {other.name} {'.'.join(other.table)}"
                    f" ({other.file}:{other.line}), which may be one table: spell it one way"
                )


def _may_be_one(one: Dataset, other: Dataset) -> bool:
    """Whether two spellings of one source end alike, as far as the shorter goes."""
    if one.source != other.source or one.table == other.table:
        return False
    short, long = sorted((_folded(one), _folded(other)), key=len)
    return long[-len(short) :] == short


def _folded(dataset: Dataset) -> tuple[str, ...]:
    return tuple(part.casefold() for part in dataset.table)
