"""One attempt at one job: an access of its own, in a folder of its own, from the first row to publication.

1. the approval that the job rests on still stands
2. an empty folder
3. decided, logged and begun by the enforcement point, for the principal behind the ticket
4. the snapshot is as the spec demands
5. rows are read to the end while the claim is renewed; files become durable as they are told
6. there is something to train on, and nothing stopped the answer
7. number, manifest, signature, conditions and the job's end in one transaction
8. the outcome entry
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from etl.extracts.claim import Claim
from etl.extracts.folders import folder_of
from etl.extracts.office import Stock
from etl.extracts.spec import wants_subject
from etl.manifest.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Facts,
    FileFact,
    SourceFact,
    canonical,
    note_text,
)
from gateway import delivery
from gateway.enforcement import EnforcementPoint
from gateway.errors import Denied, GatewayError, Integrity, Invalid, Unsupported
from gateway.ports import AuditLog, Proposals, Signer
from gateway.running import Answer
from gateway.terms.audit import ColumnAccess
from gateway.terms.extract import DatasetVersion, Job
from gateway.terms.identity import JobTicket, Purpose
from gateway.terms.log import Checkpoint
from gateway.terms.request import Request


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What workers work with."""

    stock: Stock
    enforcement: EnforcementPoint
    proposals: Proposals | None
    """None: no approvals are offered, and a job that rests on one fails."""
    log: AuditLog
    checkpoint: Callable[[], Checkpoint | None]
    """The log's newest."""
    signer: Signer
    lease_seconds: float = 30.0
    """Of a claim; renewed at a third of it."""


@dataclasses.dataclass(slots=True)
class _Read:
    """What the body told."""

    columns: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    files: list[FileFact] = dataclasses.field(default_factory=list)
    is_complete: bool = False

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class Attempt:
    """Runs once. `receipt` names its access entry as soon as there is one."""

    def __init__(self, shop: Workshop, job: Job, *, stop: threading.Event) -> None:
        self._shop = shop
        self._job = job
        self._ticket = JobTicket(job=job.id, epoch=job.epoch)
        self._stop = stop
        self.receipt = ""
        self.folder: Path | None = None
        """Once it was made."""

    def run(self) -> DatasetVersion:
        """The version that the job became.

        Raises:
            GatewayError: nothing was published; unless its code is `unavailable.control`: then it may have been.
        """
        claim = Claim(self._shop.stock.queue, self._ticket, lease_seconds=self._shop.lease_seconds, stop=self._stop)
        with claim:
            self._check_approval()  # 1
            self.folder = self._shop.stock.folders.begin(self._job)  # 2
            answer = self._answer(self.folder)  # 3
            with answer.body, _given_up(answer):
                self._check_snapshot(answer)  # 4
                claim.on_ending(answer.body.close)
                with _ended_by(claim):
                    read = self._read(answer, claim)  # 5
                claim.settle()
                self._check_whole(answer, read)  # 6
                version = self._publish(answer, read, folder=self.folder)  # 7
                with contextlib.suppress(
                    GatewayError
                ):  # published is published: the log will say `unknown` of the access
                    answer.body.finish()  # 8
                return version

    def _check_approval(self) -> None:
        proposal = self._job.proposal
        if proposal is not None and (self._shop.proposals is None or not self._shop.proposals.is_approved(proposal)):
            raise Denied("the approval that this extract rests on has expired", code="approval", fix="order it again")

    def _answer(self, folder: Path) -> Answer:
        spec = self._job.spec
        request = Request(
            credentials=self._ticket,
            sql=spec.sql,
            purpose=spec.purpose,
            dialect=spec.dialect,
            grant=spec.grant,
            door="job",
        )
        into = delivery.Folder(path=folder, subject=spec.subject if wants_subject(spec) else None)
        try:
            answer = self._shop.enforcement.answer(request, format="dataset", into=into)
        except GatewayError as error:
            self.receipt = error.receipt
            raise
        self.receipt = answer.receipt.id
        return answer

    def _check_snapshot(self, answer: Answer) -> None:
        if self._job.spec.snapshot == "consistent" and answer.snapshot == "per-scan":
            raise inconsistent()

    def _read(self, answer: Answer, claim: Claim) -> _Read:
        read = _Read()
        for line in _lines(answer.body):
            ((kind, value),) = line.items()
            match kind:
                case "rows":
                    claim.rows = value
                case "schema":
                    read.columns = [(column["name"], column["type"]) for column in value]
                case "file":
                    read.files.append(FileFact(**value))
                case "trailer":
                    read.is_complete = value["status"] == "complete" and value["rows"] == read.rows
        return read

    def _check_whole(self, answer: Answer, read: _Read) -> None:
        if answer.body.stopped is not None:
            raise answer.body.stopped
        if not read.is_complete or [name for name, _ in read.columns] != [o.name for o in answer.outputs]:
            raise Integrity("the extract's body is not whole", code="extract")
        if read.rows == 0:
            raise Invalid(
                "the extract has no rows: there is nothing to train on",
                code="empty",
                fix="look at its WHERE, and at the rows that your grant shows (`gateway explain`)",
            )

    def _publish(self, answer: Answer, read: _Read, *, folder: Path) -> DatasetVersion:
        def seal(number: int) -> DatasetVersion:
            return self._seal(answer, read, folder=folder, number=number)

        self._check_approval()
        return self._shop.stock.versions.publish(
            self._ticket, name=self._job.spec.name, receipt=self.receipt, conditions=answer.conditions, seal=seal
        )

    def _seal(self, answer: Answer, read: _Read, *, folder: Path, number: int) -> DatasetVersion:
        facts = self._facts(answer, read, number=number)
        manifest = canonical(facts)
        signature = self._shop.signer.sign(note_text(f"{facts.name}@{number}", manifest))
        self._shop.stock.folders.seal(folder, [(MANIFEST_NAME, manifest), (SIGNATURE_NAME, signature.encode())])
        known = [source.watermark for source in facts.sources if source.watermark is not None]
        return DatasetVersion(
            name=facts.name,
            number=number,
            job=self._job.id,
            folder=folder_of(self._job),
            manifest=manifest,
            signature=signature,
            requester=self._job.requester,
            environment=facts.environment,
            purpose=facts.purpose,
            project=facts.project,
            digest=facts.policy_digest,
            columns=_accesses(answer),
            rows=read.rows,
            bytes=sum(file.bytes for file in read.files),
            created=facts.created,
            expires=facts.expires,
            watermark=min(known, default=None),
            nonce=facts.nonce,
        )

    def _facts(self, answer: Answer, read: _Read, *, number: int) -> Facts:
        spec, purpose, checkpoint = self._job.spec, _purpose(answer), self._shop.checkpoint()
        if checkpoint is None:
            raise Integrity("the log has an access entry and no checkpoint", code="log")
        created = self._shop.stock.clock.now().replace(microsecond=0)
        days = min(spec.retention_days or purpose.retention_days, purpose.retention_days)
        watermarks = answer.watermarks()
        return Facts(
            name=spec.name,
            number=number,
            created=created,
            expires=created + datetime.timedelta(days=days),
            columns=tuple(zip(answer.outputs, (type_ for _, type_ in read.columns), strict=True)),
            files=tuple(read.files),
            nonce=answer.receipt.nonce,
            sql=spec.sql,
            plan=answer.plan_text,
            policy_digest=answer.decision.digest,
            grants=tuple({dataset.grant for dataset in answer.decision.datasets.values()}),
            purpose=purpose.name,
            project=purpose.project,
            environment=answer.decision.environment,
            key_epochs={purpose.project: answer.key_epoch},
            consistency=answer.snapshot,
            sources=tuple(
                SourceFact(dataset=name, watermark=watermarks.get(name)) for name in sorted(answer.decision.datasets)
            ),
            origin=self._shop.signer.name,
            access_index=answer.access_index,
            checkpoint=checkpoint.note,
            subject=spec.subject if wants_subject(spec) else None,
        )


def inconsistent() -> Unsupported:
    """What a spec that demands one state gets from sources that cannot give it."""
    return Unsupported(
        "the scans of this query are not of one state of the source",
        code="snapshot",
        fix="leave `snapshot: consistent` out, or query one table of this source",
    )


@contextlib.contextmanager
def _given_up(answer: Answer) -> Iterator[None]:
    """The outcome entry names what ended the attempt."""
    try:
        yield
    except GatewayError as error:
        answer.body.give_up(error)
        raise


@contextlib.contextmanager
def _ended_by(claim: Claim) -> Iterator[None]:
    """An answer that is closed under its reader fails somehow; the reason is the claim's."""
    try:
        yield
    except Exception:
        if claim.ending:
            raise claim.error() from None
        raise


def _lines(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """JSON objects, one a line."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield json.loads(line)
    if rest:
        raise Integrity("the extract's body is not whole", code="extract")


def _purpose(answer: Answer) -> Purpose:
    if answer.decision.purpose is None:
        raise AssertionError("an allowed decision has its purpose")
    return answer.decision.purpose


def _accesses(answer: Answer) -> tuple[ColumnAccess, ...]:
    return tuple(
        ColumnAccess(dataset=name, column=column.column, level=column.level.value, grant=dataset.grant)
        for name, dataset in sorted(answer.decision.datasets.items())
        for column in dataset.columns.values()
    )
