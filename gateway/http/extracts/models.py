"""Bodies of extracts, jobs and versions, as OpenAPI shows them."""

from __future__ import annotations

import datetime
import hashlib
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field

from etl.extracts import FileLink, VersionView, duration
from etl.extracts.spec import MAX_AGE_FORM, RETENTION_FORM, RUN_AS_FORM
from gateway.http.models import Name
from gateway.terms.extract import DatasetVersion, ExtractSpec, Job


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FreshnessIn(_Strict):
    """How old the training data may be."""

    max_age: str = Field(pattern=f"^{MAX_AGE_FORM}$", examples=["7d"])


class ExtractIn(_Strict):
    """An extract; the same keys as in its YAML file."""

    name: Name = Field(examples=["loan-default"])
    sql: str = Field(min_length=1)
    purpose: Name
    environment: Annotated[Name, Field(examples=["dev"])]
    subject: str = Field(
        min_length=1, max_length=256, description="Output column with the data subject; `none` needs an approval"
    )
    model: Name | None = None
    freshness: FreshnessIn | None = None
    retention: str | None = Field(default=None, pattern=f"^{RETENTION_FORM}$", examples=["365d"])
    run_as: str = Field(default="requester", pattern=f"^({RUN_AS_FORM})$")
    snapshot: Literal["any", "consistent"] = "any"
    grant: Name | None = None
    dialect: str = Field(default="postgres", max_length=32)

    def spec(self) -> ExtractSpec:
        """As the desk takes it."""
        return ExtractSpec(
            name=self.name,
            sql=self.sql,
            purpose=self.purpose,
            environment=self.environment,
            subject=self.subject,
            model=self.model,
            max_age=duration(self.freshness.max_age) if self.freshness else None,
            retention_days=int(self.retention[:-1]) if self.retention else None,
            run_as=self.run_as,
            snapshot=self.snapshot,
            grant=self.grant,
            dialect=self.dialect,
        )


class JobOut(BaseModel):
    """One order and how far it is."""

    id: str
    name: str
    state: str = Field(examples=["waiting", "queued", "running", "published", "failed", "cancelled"])
    cause: str
    purpose: str
    environment: str
    proposal: str | None = Field(description="What a second person must approve")
    created: datetime.datetime
    ended: datetime.datetime | None
    attempts: int
    rows: int
    version: str | None = Field(examples=["loan-default@1"])
    code: str
    message: str
    receipt: str | None
    nonce: str | None = Field(description="Opens sql_hmac and plan_hmac of the manifest; keep it")

    @classmethod
    def of(cls, job: Job, version: DatasetVersion | None = None) -> JobOut:
        """From the desk's."""
        return cls(
            id=job.id,
            name=job.spec.name,
            state=job.state,
            cause=job.cause,
            purpose=job.spec.purpose,
            environment=job.environment,
            proposal=job.proposal,
            created=job.created,
            ended=job.ended,
            attempts=job.epoch,
            rows=job.rows,
            version=f"{job.spec.name}@{job.version}" if job.version is not None else None,
            code=job.code,
            message=job.message,
            receipt=job.receipt or None,
            nonce=version.nonce if version else None,
        )


class VersionOut(BaseModel):
    """One dataset version."""

    id: str = Field(examples=["loan-default@1"])
    name: str
    version: int
    requester: str
    purpose: str
    environment: str
    job: str
    created: datetime.datetime
    expires: datetime.datetime
    watermark: datetime.datetime | None = Field(description="How new the data was: the oldest of its datasets")
    rows: int
    bytes: int
    manifest_sha256: str

    @classmethod
    def of(cls, version: DatasetVersion) -> VersionOut:
        """From the shelf's."""
        return cls(**_facts(version))


class FileOut(BaseModel):
    """One file of a version."""

    path: str
    url: str = Field(description="Relative to the gateway; for this caller and file, for a minute, without a token")


class VersionDetailOut(VersionOut):
    """One version with its manifest; for its requester also with its files."""

    manifest: dict[str, Any]
    signature: str
    files: list[FileOut]

    @classmethod
    def of_view(cls, view: VersionView) -> VersionDetailOut:
        """From the shelf's."""
        version = view.version
        files = [FileOut(path=path, url=_url(version, path, link)) for path, link in (view.links or {}).items()]
        return cls(**_facts(version), manifest=dict(view.manifest), signature=version.signature, files=files)


def _facts(version: DatasetVersion) -> dict[str, Any]:
    return {
        "id": version.id,
        "name": version.name,
        "version": version.number,
        "requester": version.requester,
        "purpose": version.purpose,
        "environment": version.environment,
        "job": version.job,
        "created": version.created,
        "expires": version.expires,
        "watermark": version.watermark,
        "rows": version.rows,
        "bytes": version.bytes,
        "manifest_sha256": hashlib.sha256(version.manifest).hexdigest(),
    }


def _url(version: DatasetVersion, path: str, link: FileLink) -> str:
    fields = {"credential": link.credential, "expires": link.expires, "signature": link.signature}
    return f"/v1/dataset-versions/{version.id}/files/{quote(path, safe='')}?{urlencode(fields)}"
