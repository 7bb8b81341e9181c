"""Routes of models, lineage and freshness. Each decodes, calls one method and encodes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from etl.freshness import LineageDesks
from gateway.http.caller import Caller
from gateway.http.lineage.models import FreshnessOut, GraphOut, ModelIn, ModelOut

Root = Annotated[str | None, Query(max_length=192)]


def routes(desks: LineageDesks) -> APIRouter:
    """`/models`, `/lineage` and `/freshness`, below `/v1`."""
    router = APIRouter()
    router.include_router(_models(desks), prefix="/models")
    router.include_router(_lineage(desks))
    return router


def _models(desks: LineageDesks) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.post("", status_code=201)
    def register(body: ModelIn, caller: Caller) -> ModelOut:
        """Register a model version and what it was trained on: dataset versions of yours that have not expired."""
        return ModelOut.of(desks.models.register(caller, body.registration()))

    @router.get("")
    def models(caller: Caller) -> list[ModelOut]:
        """Your model versions, by name, newest first; everybody's for who reads the log."""
        return [ModelOut.of(model) for model in desks.models.listed(caller)]

    @router.get("/{name}/versions")
    def versions(name: Annotated[str, Path(max_length=64)], caller: Caller) -> list[ModelOut]:
        """One model's, newest first."""
        return [ModelOut.of(model) for model in desks.models.listed(caller, name=name)]

    return router


def _lineage(desks: LineageDesks) -> APIRouter:
    router = APIRouter(tags=["lineage"])

    @router.get("/lineage")
    def lineage(
        caller: Caller, model: Root = None, dataset: Root = None, column: Root = None, grant: Root = None
    ) -> GraphOut:
        """What a model (`NAME@V`) or dataset version (`NAME@N`) was made of; what a source column or a grant went into.

        Give exactly one. Your own; everybody's for who reads the log.
        """
        return GraphOut.of(desks.lineage.trace(caller, model=model, dataset=dataset, column=column, grant=grant))

    @router.get("/freshness")
    def freshness(caller: Caller) -> list[FreshnessOut]:
        """The newest version of each of your models: how old its training data is, and whether that is too old."""
        return [FreshnessOut.of(view) for view in desks.freshness.report(caller)]

    return router
