"""The lineage desk: follows a model, a dataset version, a source column or a grant to everything that hangs on it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Final

from etl.lineage.entrance import Entrance, OpaqueNames, View, actor_of, view_of
from etl.lineage.grants import GrantBook
from etl.lineage.graph import Graph, GraphBuilder
from etl.lineage.models import parse_dataset, parse_model
from gateway.errors import Invalid
from gateway.ports import Models, Versions
from gateway.terms.audit import ColumnAccess
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials, is_name

_COLUMN: Final = re.compile(r"(?P<dataset>[\w-]{1,63}\.[\w-]{1,63})\.(?P<column>[\w ]{1,63})", re.ASCII)


class LineageDesk:
    """Answers from both ends. What is another's answers like what does not exist (T25)."""

    def __init__(
        self, desk: Entrance, *, models: Models, versions: Versions, grants: GrantBook, names: OpaqueNames
    ) -> None:
        self._desk = desk
        self._models = models
        self._versions = versions
        self._grants = grants
        self._names = names

    def trace(
        self,
        credentials: Credentials,
        *,
        model: str | None = None,
        dataset: str | None = None,
        column: str | None = None,
        grant: str | None = None,
    ) -> Graph:
        """The graph around one root; the question is logged.

        Args:
            credentials: the asker's: an auditor sees everything, others what is their own in their environment.
            model: `loan-default@3`: its versions, and all that they were made of.
            dataset: `loan-default@1`: models above it, columns, policy and grants below it.
            column: `core.customers.income`: versions that read it, and their models.
            grant: versions that rest on it, and their models.

        Raises:
            Invalid: not exactly one of them, malformed, or nothing of this name is the caller's to see.
        """
        principal, now = self._desk.enter(credentials)
        asked = {"model": model, "dataset": dataset, "column": column, "grant": grant}
        given = {kind: name for kind, name in asked.items() if name is not None}
        if len(given) != 1:
            raise Invalid("lineage begins at one thing", code="lineage", fix="give model, dataset, column or grant")
        ((kind, name),) = given.items()
        view = view_of(self._desk, principal, names=self._names, now=now)
        follow = {"model": self._of_model, "dataset": self._of_dataset, "column": self._of_column}.get(
            kind, self._of_grant
        )
        found = follow(name, view, now)
        self._desk.write(actor_of(principal), action="lineage-read", now=now, detail={kind: name})
        return found

    def _of_model(self, name: str, view: View, now: datetime.datetime) -> Graph:
        found = self._models.find(*parse_model(name))
        if found is None or not view.shows_model(found):
            raise _unknown()
        versions = [v for part in found.trained_on if (v := self._versions.find(*part)) is not None]
        builder = self._builder(view, now)
        for version in versions:
            builder.version(version)
        return builder.build(builder.model(found, of=versions))

    def _of_dataset(self, name: str, view: View, now: datetime.datetime) -> Graph:
        found = self._versions.find(*parse_dataset(name))
        if found is None or not view.shows_version(found):
            raise _unknown()
        builder = self._builder(view, now)
        self._stack(builder, [found], view)
        return builder.build(f"version:{found.id}")

    def _of_column(self, name: str, view: View, now: datetime.datetime) -> Graph:
        match = _COLUMN.fullmatch(name)
        if match is None:
            raise Invalid(
                "a source column is written SOURCE.DATASET.COLUMN", code="column", fix="core.customers.income"
            )
        dataset, column = match["dataset"], match["column"]

        def is_it(access: ColumnAccess) -> bool:
            return (access.dataset, access.column) == (dataset, column)

        versions = self._reading(is_it, view)
        listed = self._desk.policy().datasets.get(dataset)
        is_listed = listed is not None and column in listed.columns
        # A hidden dataset's name is not confirmed, not even to the owner of versions that once read it.
        if not view.knows(dataset) or not (versions or is_listed):
            raise _unknown()
        builder = self._builder(view, now)
        root = builder.column(dataset, column)
        self._stack(builder, versions, view, keep=is_it)
        return builder.build(root)

    def _of_grant(self, name: str, view: View, now: datetime.datetime) -> Graph:
        if not is_name(name):
            raise Invalid("a grant's id is 1..63 of a-z, 0-9 and -", code="grant")

        def is_it(access: ColumnAccess) -> bool:
            return access.grant == name

        versions = self._reading(is_it, view)
        if not versions and not (view.is_auditor and name in self._grants.standings(now=now)):
            raise _unknown()
        builder = self._builder(view, now)
        root = builder.grant(name)
        self._stack(builder, versions, view, keep=is_it)
        return builder.build(root)

    def _reading(self, is_it: Callable[[ColumnAccess], bool], view: View) -> Sequence[DatasetVersion]:
        """Versions that the asker may see and that read such a column."""
        shown = (version for version in self._versions.listed() if view.shows_version(version))
        return [version for version in shown if any(is_it(access) for access in version.columns)]

    def _stack(
        self,
        builder: GraphBuilder,
        versions: Sequence[DatasetVersion],
        view: View,
        *,
        keep: Callable[[ColumnAccess], bool] = lambda _: True,
    ) -> None:
        """Add these versions and the models above them."""
        for version in versions:
            builder.version(version, keep=keep)
        for name in sorted({version.name for version in versions}):
            for model in self._models.listed(dataset=name):
                wanted = [v for v in versions if (v.name, v.number) in model.trained_on]
                if wanted and view.shows_model(model):
                    builder.model(model, of=wanted)

    def _builder(self, view: View, now: datetime.datetime) -> GraphBuilder:
        return GraphBuilder(
            view=view,
            grants=self._grants.standings(now=now),
            active_digest=self._desk.policy().pdp.digest,
            now=now,
        )


def _unknown() -> Invalid:
    return Invalid(
        "nothing of this name is yours to see",
        code="lineage",
        fix="`gateway extract list` and `gateway model list` show what is",
    )
