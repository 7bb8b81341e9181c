"""One house that makes extracts, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import bank
from tests.house import House, open_house
from tests.unit.etl.factory import Factory, factory


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("extracts")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        yield house


@pytest.fixture(scope="module")
def works(house: House) -> Factory:
    return factory(house)


@pytest.fixture(scope="module")
def ana(house: House) -> str:
    return house.token("ana", bank.ANA[0])


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_queue(works: Factory) -> Iterator[None]:
    yield
    for state in ("waiting", "queued", "running"):
        for job in works.stock.queue.listed(state=state):
            works.stock.queue.cancel(job.id)
