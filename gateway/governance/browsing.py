"""The catalog as one principal may see it."""

from __future__ import annotations

import dataclasses

from gateway.errors import Invalid
from gateway.governance.desk import Desk
from gateway.terms.identity import Credentials


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnView:
    """One listed column."""

    name: str
    type: str
    classification: str
    domain: str | None
    level: str | None
    """The caller's own best level over all purposes; None: no grant shows it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """One dataset that the caller may know of."""

    name: str
    owner: str
    columns: tuple[ColumnView, ...]


class CatalogDesk:
    """Lists datasets; those that are not discoverable answer like unknown ones."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def datasets(self, credentials: Credentials) -> tuple[DatasetView, ...]:
        """Every dataset that the caller may know of, by name."""
        principal, now = self._desk.enter(credentials)
        active = self._desk.policy()
        views = []
        for name in sorted(active.pdp.visible(principal, now=now) & active.datasets.keys()):
            dataset = active.datasets[name]
            levels = active.pdp.columns_for(principal, name, now=now)
            columns = tuple(
                ColumnView(
                    name=column.name,
                    type=str(column.type),
                    classification=column.classification,
                    domain=column.domain,
                    level=levels.get(column.name),
                )
                for column in dataset.columns.values()
            )
            views.append(DatasetView(name=name, owner=dataset.owner, columns=columns))
        return tuple(views)

    def dataset(self, credentials: Credentials, *, name: str) -> DatasetView:
        """One of them.

        Raises:
            Invalid: unknown, or not discoverable to the caller: one text for both.
        """
        for view in self.datasets(credentials):
            if view.name == name:
                return view
        raise Invalid("unknown dataset", code="dataset", fix="`gateway datasets` lists those that you may know of")
