"""Names of a query to datasets. One answer for unknown and for hidden names."""

from __future__ import annotations

import re
from typing import Final

from gateway.errors import Invalid
from gateway.terms.dataset import Datasets
from gateway.terms.query import Query

_PLAIN: Final = re.compile(r"[a-z0-9_.]{1,128}")


def resolve(query: Query, *, catalog: Datasets, visible: frozenset[str]) -> Datasets:
    """The query's datasets, in its order.

    Args:
        query: parsed; its names come as `source.dataset`, lower case.
        catalog: all datasets.
        visible: those that the asker may know of (`PolicyDecisionPoint.visible`).

    Raises:
        Invalid: `invalid.dataset`: a name is unknown, or not visible. Both have one text, which lists nothing else:
            a list of near misses would tell which hidden names exist.
    """
    for name in query.names:
        if name not in visible or name not in catalog:
            raise _unknown(name)
    return {name: catalog[name] for name in query.names}


def _unknown(name: str) -> Invalid:
    # A quoted name can hold anything, a terminal's control characters too.
    shown = f": {name}" if _PLAIN.fullmatch(name) else ""
    return Invalid(
        f"unknown dataset{shown}",
        code="dataset",
        fix="datasets are named source.dataset; `gateway datasets` lists yours",
    )
