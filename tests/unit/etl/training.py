"""A house whose people train models: extracts, models, and production's clock in the test's hand."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl.lineage import Registration
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials
from gateway.terms.model import ModelVersion
from tests import bank
from tests.house import House, open_house
from tests.unit.etl.factory import Factory, factory

DAY = datetime.timedelta(days=1)
PEOPLE = {"ana": bank.ANA[0], "bob": bank.ANA[0], "aude": "auditor"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """The house with its worker, a bearer for each person, and the bank's file."""

    house: House
    works: Factory
    tokens: dict[str, str]
    source: Path

    def __getitem__(self, name: str) -> Credentials:
        return Credentials(bearer=self.tokens[name])

    @property
    def desks(self) -> Any:
        return self.house.gateway.lineage

    def extract(self, name: str = "loan-default", *, who: str = "ana", **changes: Any) -> DatasetVersion:
        return self.works.made(self.tokens[who], name=name, **{"model": name, **changes})

    def register(self, name: str, version: str, *datasets: str, who: str = "ana", **facts: Any) -> ModelVersion:
        registration = Registration(name=name, version=version, trained_on=datasets, **facts)
        model: ModelVersion = self.desks.models.register(self[who], registration)
        return model

    def production_is_as_of(self, moment: datetime.datetime) -> None:
        """Every customer was changed at that moment last."""
        with contextlib.closing(sqlite3.connect(self.source)) as connection, connection:
            text = moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            connection.execute("UPDATE customers SET updated_at = ?", [text])


@contextlib.contextmanager
def open_training(root: Path, **more: object) -> Iterator[Training]:
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000, **more) as house:
        tokens = {name: house.token(name, role) for name, role in PEOPLE.items()}
        works = factory(house, proposals=house.gateway.control.proposals)
        yield Training(house=house, works=works, tokens=tokens, source=source)
