"""OpenLineage 2-0-2 run events of extract jobs. Built from job and version; reads nothing.

Names leave as the catalog's discoverable ones, else as opaque ones (T25). No SQL, no row's value, no host or URL of
production stands in an event; of a failure its stable code. Our own facet's schema is schemas/GatewayMaskingFacet.json.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from etl.lineage.entrance import OpaqueNames
from gateway import __version__
from gateway.errors import Integrity
from gateway.terms.extract import DatasetVersion, Job
from gateway.terms.policy import Level

SCHEMA_URL: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
MASKING_SCHEMA: Final = "urn:data-gateway:schemas:1-0-0:GatewayMaskingFacet.json"
_FACETS: Final = "https://openlineage.io/spec/facets"
_PRODUCER: Final = f"urn:data-gateway:{__version__}"
_RUNS: Final = uuid.UUID("5f1f6dd4-3a52-5c3b-9d7e-4d8f0c6a2b10")
"""Namespace of run ids."""
Document = dict[str, Any]
"""A JSON object."""


def run_id(origin: str, job: str, epoch: int) -> str:
    """The same for each event of one attempt, and for no other."""
    return str(uuid.uuid5(_RUNS, f"{origin}\n{job}\n{epoch}"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventWriter:
    """Writes the events of one gateway."""

    origin: str
    """The gateway's name, as its log has it; the namespace is `gateway://<origin>`."""
    is_discoverable: Callable[[str], bool]
    """Whether anybody may know of a dataset."""
    names: OpaqueNames

    @property
    def namespace(self) -> str:
        """Of jobs, inputs and outputs alike."""
        return f"gateway://{self.origin}"

    def start(self, job: Job, *, epoch: int, at: datetime.datetime) -> Document:
        """An attempt began."""
        return self._event("START", job, epoch=epoch, at=at)

    def fail(self, job: Job, *, epoch: int, code: str, at: datetime.datetime) -> Document:
        """It failed: of the error only the code is told, for a text may name what is hidden."""
        facet = _facet("1-0-1/ErrorMessageRunFacet", message=code, programmingLanguage="PYTHON")
        return self._event("FAIL", job, epoch=epoch, at=at, run={"errorMessage": facet})

    def abort(self, job: Job, *, epoch: int, at: datetime.datetime) -> Document:
        """It was cancelled."""
        return self._event("ABORT", job, epoch=epoch, at=at)

    def complete(self, job: Job, version: DatasetVersion, *, at: datetime.datetime) -> Document:
        """It was published."""
        event = self._event("COMPLETE", job, epoch=job.epoch, at=at)
        return event | {"inputs": list(self._inputs(version)), "outputs": [self._output(version)]}

    def _event(
        self, kind: str, job: Job, *, epoch: int, at: datetime.datetime, run: Mapping[str, Document] | None = None
    ) -> Document:
        nominal = _facet("1-0-1/NominalTimeRunFacet", nominalStartTime=job.created.isoformat())
        kind_of_job = _facet("2-0-4/JobTypeJobFacet", processingType="BATCH", integration="GATEWAY", jobType="EXTRACT")
        return {
            "eventType": kind,
            "eventTime": at.isoformat(),
            "producer": _PRODUCER,
            "schemaURL": SCHEMA_URL,
            "run": {
                "runId": run_id(self.origin, job.id, epoch),
                "facets": {"nominalTime": nominal, **(run or {})},
            },
            "job": {"namespace": self.namespace, "name": job.spec.name, "facets": {"jobType": kind_of_job}},
            "inputs": [],
            "outputs": [],
        }

    def _inputs(self, version: DatasetVersion) -> Iterable[Document]:
        for dataset in sorted({access.dataset for access in version.columns}):
            tags = [
                _tag(access.level, field=self._column(dataset, access.column))
                for access in version.columns
                if access.dataset == dataset
            ]
            facets = {"tags": _facet("1-0-0/TagsDatasetFacet", tags=tags)}
            yield {"namespace": self.namespace, "name": self._dataset(dataset), "facets": facets}

    def _output(self, version: DatasetVersion) -> Document:
        manifest = _manifest(version)
        columns: Sequence[Document] = manifest["columns"]
        fields = [{"name": column["name"], "type": column["type"]} for column in columns]
        tags = [_tag(column["level"], field=column["name"]) for column in columns if column.get("level")]
        statistics = _facet(
            "1-0-2/OutputStatisticsOutputDatasetFacet",
            rowCount=version.rows,
            size=version.bytes,
            fileCount=len(manifest["files"]),
        )
        return {
            "namespace": self.namespace,
            "name": version.name,
            "facets": {
                "schema": _facet("1-2-0/SchemaDatasetFacet", fields=fields),
                "version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=str(version.number)),
                "tags": _facet("1-0-0/TagsDatasetFacet", tags=tags),
                "columnLineage": self._column_lineage(version, columns),
                "gateway_masking": _masking(version, manifest),
            },
            "outputFacets": {"outputStatistics": statistics},
        }

    def _column_lineage(self, version: DatasetVersion, columns: Sequence[Document]) -> Document:
        """What each output is made of (DIRECT); what only filters or joins read stands for the whole (INDIRECT)."""
        levels = {(access.dataset, access.column): access.level for access in version.columns}
        direct = {column["name"]: [(str(d), str(c)) for d, c in column.get("sources", ())] for column in columns}
        fields = {
            column["name"]: {
                "inputFields": [
                    self._input(source, _direct(levels.get(source, ""), column, alone=len(direct[column["name"]]) == 1))
                    for source in direct[column["name"]]
                ]
            }
            for column in columns
            if direct[column["name"]]
        }
        passed_on = {source for sources in direct.values() for source in sources}
        whole = [
            self._input(source, {"type": "INDIRECT", "masking": _is_masked(level)})
            for source, level in sorted(levels.items())
            if source not in passed_on
        ]
        return _facet("1-2-0/ColumnLineageDatasetFacet", fields=fields, dataset=whole)

    def _input(self, source: tuple[str, str], transformation: Document) -> Document:
        dataset, column = source
        return {
            "namespace": self.namespace,
            "name": self._dataset(dataset),
            "field": self._column(dataset, column),
            "transformations": [transformation],
        }

    def _dataset(self, name: str) -> str:
        return name if self.is_discoverable(name) else self.names.dataset(name)

    def _column(self, dataset: str, column: str) -> str:
        return column if self.is_discoverable(dataset) else self.names.column(dataset, column)


def _direct(level: str, column: Document, *, alone: bool) -> Document:
    if level == Level.AGGREGATED:
        subtype = "AGGREGATION"
    elif alone and column.get("mask") == "keep":
        subtype = "IDENTITY"
    else:
        subtype = "TRANSFORMATION"
    return {
        "type": "DIRECT",
        "subtype": subtype,
        "description": column.get("mask") or "",
        "masking": _is_masked(level),
    }


def _is_masked(level: str) -> bool:
    return level != Level.FULL


def _masking(version: DatasetVersion, manifest: Document) -> Document:
    columns = [
        {"name": column["name"], "level": column.get("level") or "", "mask": column.get("mask") or ""}
        for column in manifest["columns"]
    ]
    levels = [Level(column["level"]) for column in columns if column["level"]]
    checkpoint = str(manifest["audit"]["checkpoint"])
    return {
        "_producer": _PRODUCER,
        "_schemaURL": f"{MASKING_SCHEMA}#/$defs/GatewayMaskingFacet",
        "policyVersion": version.digest,
        "level": max(levels, key=lambda level: level.rank).value if levels else "",
        "columns": columns,
        # NOTE: its digest, not the note itself: a checkpoint's size would count everybody's accesses (T25).
        "auditCheckpoint": f"sha256:{hashlib.sha256(checkpoint.encode()).hexdigest()}",
    }


def _tag(level: str, *, field: str) -> Document:
    return {"key": "gateway.level", "value": level, "source": "GATEWAY", "field": field}


def _facet(schema: str, **fields: object) -> Document:
    name = schema.partition("/")[2]
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACETS}/{schema}.json#/$defs/{name}", **fields}


def _manifest(version: DatasetVersion) -> Document:
    try:
        manifest = json.loads(version.manifest)
    except ValueError:
        raise Integrity(f"the stored manifest of {version.id} is no JSON", code="manifest") from None
    if not isinstance(manifest, dict):
        raise Integrity(f"the stored manifest of {version.id} is no object", code="manifest")
    return manifest
