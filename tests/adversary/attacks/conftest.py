"""One house that all sections attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import bank
from tests.adversary.attacks.attackers import Attackers, rare_world
from tests.house import open_house


@pytest.fixture(scope="package")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attackers]:
    root = tmp_path_factory.mktemp("attacks")
    tables = rare_world()
    with open_house(root, bank=bank.write(tables, root / "core.db"), query_seconds=2.0) as house:
        yield Attackers(house, tables)
