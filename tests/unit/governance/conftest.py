"""Houses with somebody at each desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.governance.people import People, open_people


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with open_people(tmp_path_factory.mktemp("approvals")) as people:
        yield people


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[People]:
    """For tests that change the policy, or leave grants."""
    with open_people(tmp_path) as people:
        yield people
