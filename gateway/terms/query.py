"""A user's question, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

Tree = object
"""A sqlglot tree. Only query and planning look into it; for everybody else it is sealed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One SELECT whose every node and function is on the allow-list. Names are not resolved yet."""

    dialect: str
    tree: Tree
    names: tuple[str, ...]
    """Datasets it names, `source.dataset`, each once, in order of appearance."""
    shape: str
    """The SQL with every literal replaced by `?`: safe to log."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoundQuery:
    """A query whose every column belongs to a known column of a known dataset."""

    dialect: str
    tree: Tree
    """Qualified, stars expanded, unused columns dropped."""
    uses: Mapping[str, frozenset[str]]
    """Dataset to the columns that the query needs of it; may be empty (`count(*)`)."""
    output_names: tuple[str, ...]
    """PostgreSQL's names; may repeat."""
    shape: str
