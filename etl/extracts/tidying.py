"""What is true of jobs and versions is made visible, and what nothing names is removed.

Each step can be repeated and interrupted: a worker that dies between two of them is followed by one that goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from etl.extracts.attempt import Workshop
from etl.extracts.desk import NOT_APPROVED
from etl.manifest.manifest import digest_of
from gateway.terms.audit import Actor, EventEntry
from gateway.terms.extract import DatasetVersion, Job

_NOBODY: Final = "gateway"


class Tidying:
    """Sweeps, announces, expires; and moves jobs that wait for a verdict which was spoken."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._stock = shop.stock
        self._queue = shop.stock.queue
        self._versions = shop.stock.versions

    def run_once(self) -> None:
        """Everything, once."""
        self.settle_waiting()
        self.announce_left_over()
        self.expire()
        self.sweep()

    def announce(self, version: DatasetVersion) -> None:
        """Link it, log its publication, and remember that."""
        self._stock.folders.link(version)
        job = self._queue.find(version.job)
        detail: dict[str, str | int] = {
            "version": version.id,
            "manifest_sha256": digest_of(version.manifest).hex(),
            "job": version.job,
            "receipt": job.receipt if job else "",
        }
        self._write("extract-publish", principal=version.requester, environment=version.environment, detail=detail)
        self._versions.announced(version.name, version.number)

    def announce_left_over(self) -> None:
        """Announce versions whose worker ended between commit and log entry.

        One that lives does it at once; only after a lease's time is it known to have died, or both would announce.
        """
        now = self._stock.clock.now()
        for version in self._versions.unannounced():
            if (now - version.created).total_seconds() > self._shop.lease_seconds:
                self.announce(version)

    def tell_failed(self, job: Job, *, code: str, receipt: str) -> None:
        """Log that a job ended without a version."""
        detail: dict[str, str | int] = {"job": job.id, "name": job.spec.name, "code": code, "receipt": receipt}
        self._write("extract-fail", principal=job.requester, environment=job.environment, detail=detail)

    def settle_waiting(self) -> None:
        """Move on the jobs whose proposal was decided or has expired: the act after a verdict may have been lost."""
        if self._shop.proposals is None:
            return
        now = self._stock.clock.now()
        for job in self._queue.listed(state="waiting"):
            found = self._shop.proposals.find(job.proposal or "")
            proposal, verdict = found if found else (None, None)
            if proposal is not None and verdict is not None and verdict.approved and now < proposal.expires:
                self._queue.release(job.id)
            elif proposal is None or verdict is not None or now >= proposal.expires:
                self._queue.refuse(job.id, code=NOT_APPROVED.code, message=NOT_APPROVED.message)

    def expire(self) -> None:
        """Delete the files of versions past their retention; manifest and signature stay."""
        for version in self._versions.expired():
            detail: dict[str, str | int] = {"version": version.id}
            self._write("extract-expire", principal=_NOBODY, environment=version.environment, detail=detail)
            files = [str(file["path"]) for file in json.loads(version.manifest)["files"]]
            self._stock.folders.clear(version, files=files)
            self._versions.cleared(version.name, version.number)

    def sweep(self) -> None:
        """Delete the folders of attempts that neither run nor became a version."""
        for job, epoch, folder in self._stock.folders.attempts():
            self.discard(job, epoch, folder)

    def discard(self, job: str, epoch: int, folder: Path) -> None:
        """Delete an attempt's folder, unless it runs or became a version.

        The job is asked first: one that runs may publish in between, one that does not run can publish nothing new.
        """
        found = self._queue.find(job)
        if found is not None and found.state == "running" and found.epoch == epoch:
            return
        version = self._versions.of_job(job)
        if version is None or version.folder != f"{folder.parent.name}/{folder.name}":
            self._stock.folders.remove(folder)

    def _write(self, action: str, *, principal: str, environment: str, detail: dict[str, str | int]) -> None:
        self._shop.log.append(
            EventEntry(
                receipt=f"r_{self._stock.entropy.draw(16).hex()}",
                time=self._stock.clock.now(),
                actor=Actor(principal=principal, environment=environment, roles=(), door="job"),
                action=action,
                detail=detail,
            )
        )
