"""Who asks, and what the policies give them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from gateway.terms.policy import ColumnDecision, DatasetDecision
from tests.house import POLICIES

_OURS = Path(__file__).parent / "policies"


@dataclasses.dataclass(frozen=True)
class Person:
    """Who asks."""

    name: str
    role: str
    environment: str
    purpose: str
    share: int
    """Of a hundred queries."""


PEOPLE = (
    Person("ana", "credit-risk-scientist", "dev", "credit-default-model", 44),
    Person("mia", "churn-builder", "dev", "churn-model", 18),
    Person("fran", "fraud-analyst", "dev", "fraud-detection", 10),
    Person("rita", "reporting-analyst", "dev", "regulatory-reporting", 18),
    Person("otto", "data-owner", "prod", "data-quality", 10),
)
"""Pseudonyms behind a row filter (twice), without one, groups, and full with capped texts."""

Sight = Mapping[str, tuple[DatasetDecision, Mapping[str, ColumnDecision]]]
"""Dataset → its decision, and one for each column that is granted at all."""


def write_policies(folder: Path, *, sources: Collection[str]) -> Path:
    """The repository's own, with further sources and a role that sees columns at several levels."""
    shutil.copytree(POLICIES, folder)
    for name in sources:
        if (catalog := _OURS / "catalog" / f"{name}.yaml").exists():
            shutil.copy2(catalog, folder / "catalog")
    grants = [_OURS / "grants" / f"{name}.yaml" for name in ("files", *sources)]
    for name, more in (
        ("grants.yaml", "".join(file.read_text() for file in grants if file.exists())),
        ("roles.yaml", "churn-builder: {}\n"),
        ("domains.yaml", "order: {canon: integer_text, mask: {name: pseudonym}}\n"),
    ):
        with (folder / name).open("a") as file:
            file.write(more)
    return folder
