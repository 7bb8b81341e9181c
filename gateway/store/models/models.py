"""Registered model versions and what they were trained on."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.errors import Invalid
from gateway.store.database import reading, writing
from gateway.store.models.tables import model, model_training, model_version
from gateway.terms.model import ModelVersion


class Models:
    """ports.Models."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, registered: ModelVersion) -> None:
        """Store a new one; the name is its owner's from then on.

        Raises:
            Invalid: this version is registered already, or the name is another's: one text for both.
        """
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        claim = insert(model).values(name=registered.name, owner=registered.owner, environment=registered.environment)
        store = insert(model_version).values(_row(registered)).on_conflict_do_nothing().returning(model_version.c.name)
        mine = sa.select(model.c.name).where(
            model.c.name == registered.name,
            model.c.owner == registered.owner,
            model.c.environment == registered.environment,
        )
        parts = [
            {"name": registered.name, "version": registered.version, "dataset": dataset, "number": number}
            for dataset, number in registered.trained_on
        ]
        with writing(self._engine) as connection:
            connection.execute(claim.on_conflict_do_nothing())
            if connection.scalar(mine) is None or connection.scalar(store) is None:
                raise Invalid(
                    "this version of this model is registered already, or the model's name is another's",
                    code="model",
                    fix="register the next version, or take another name",
                )
            connection.execute(model_training.insert(), parts)

    def find(self, name: str, version: str) -> ModelVersion | None:
        """By name and version."""
        found = self._read(model_version.c.name == name, model_version.c.version == version)
        return found[0] if found else None

    def listed(self, *, name: str | None = None, dataset: str | None = None) -> Sequence[ModelVersion]:
        """By name, newest first; `dataset`: trained on any version of it."""
        wanted: list[sa.ColumnElement[bool]] = [] if name is None else [model_version.c.name == name]
        if dataset is not None:
            part = model_training.alias()
            is_part = sa.and_(part.c.name == model_version.c.name, part.c.version == model_version.c.version)
            wanted.append(sa.exists().where(is_part, part.c.dataset == dataset))
        return self._read(*wanted)

    def _read(self, *wanted: sa.ColumnElement[bool]) -> list[ModelVersion]:
        versions = (
            sa.select(model_version, model.c.owner, model.c.environment)
            .join_from(model_version, model)
            .where(*wanted)
            .order_by(model_version.c.name, model_version.c.registered.desc(), model_version.c.version.desc())
        )
        training = (
            sa.select(model_training)
            .join_from(model_training, model_version)
            .where(*wanted)
            .order_by(model_training.c.dataset, model_training.c.number)
        )
        with reading(self._engine) as connection:
            rows, parts = connection.execute(versions).all(), connection.execute(training).all()
        trained: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for part in parts:
            trained.setdefault((part.name, part.version), []).append((part.dataset, part.number))
        return [_model(row, trained.get((row.name, row.version), [])) for row in rows]


def _row(registered: ModelVersion) -> dict[str, object]:
    age = registered.max_age
    return {
        "name": registered.name,
        "version": registered.version,
        "registered": registered.registered,
        "evidence": registered.evidence,
        "max_age_seconds": None if age is None else age // datetime.timedelta(seconds=1),
        "metrics": dict(registered.metrics),
    }


def _model(row: sa.Row[Any], trained_on: Sequence[tuple[str, int]]) -> ModelVersion:
    seconds = row.max_age_seconds
    return ModelVersion(
        name=row.name,
        version=row.version,
        owner=row.owner,
        environment=row.environment,
        registered=row.registered,
        trained_on=tuple(trained_on),
        evidence="sdk" if row.evidence == "sdk" else "declared",
        max_age=None if seconds is None else datetime.timedelta(seconds=seconds),
        metrics=dict(row.metrics),
    )
