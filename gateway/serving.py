"""Steps 8–11 of the flow: raw rows, released rows, the sandbox, bytes. Lazily: called for a body's first chunk.

Everything here stands after the access entry; enforcement.py numbers the steps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway import delivery, masks, planning, protection
from gateway.case import Case
from gateway.epochs import PinnedKeys
from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.rooms import Limits, Rooms
from gateway.running import OpenedAnswer, SourceSessions
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import GroupedScan, GuardedScan, MaskedScan, Plan, Step
from gateway.terms.policy import Level
from gateway.terms.request import WatermarkRequest
from gateway.terms.streams import ReleasedStream, Tally

BYTES_OF_A_ROW: Final = 1024
"""A wider row counts as several: one row that holds a whole table in a text is not one row."""


class Serving:
    """What happens between the access entry and the last byte."""

    def __init__(self, rooms: Rooms, *, limits: Limits) -> None:
        self._rooms = rooms
        self._limits = limits

    def rows(
        self,
        case: Case,
        plan: Plan,
        *,
        opened: OpenedAnswer,
        tally: Tally,
        format: delivery.Format,  # noqa: A002
    ) -> Iterator[bytes]:
        """Steps 8–11 of an interactive answer."""
        limits = self._limits.of(case.principal)
        deadline = time.monotonic() + limits.query_seconds
        sessions = self._sessions(case, opened, deadline=deadline, tally=tally)
        streams = self._released(case, plan, sessions, told=tally.subjects)  # 8, 9
        answer = self._rooms.sandbox.execute(  # 10
            plan.sql,
            streams,
            binding=dataclasses.replace(case.binding, memory_mb=limits.sandbox_memory_mb),
            output_names=plan.output_names,
            materialized=frozenset() if plan.is_order_free else frozenset(streams),  # T7
            deadline=deadline,
            when_read=sessions.close,  # no reader's pace holds a snapshot or connection of production (T15)
        )
        opened.hold(answer)
        yield from delivery.encode(  # 11
            answer,
            format=format,
            trailer={"receipt": case.receipt.id, "snapshot": plan.snapshot},
            max_json_rows=limits.max_json_rows,
            max_rows=limits.max_result_rows,
            max_mb=limits.max_result_mb,
            tally=tally,
            charge=self._allowance(case, plan),
        )

    def files(
        self,
        case: Case,
        plan: Plan,
        *,
        opened: OpenedAnswer,
        tally: Tally,
        into: delivery.Folder,
        watermarks: dict[str, datetime.datetime],
    ) -> Iterator[bytes]:
        """Steps 8–11 of an extract."""
        limits = self._limits.extract
        deadline = time.monotonic() + limits.seconds
        sessions = self._sessions(case, opened, deadline=deadline, tally=tally)
        watermarks |= self._watermarks(case, sessions)  # 8
        streams = self._released(case, plan, sessions)  # 8, 9
        with spill_folder(into.path) as spill:
            answer = self._rooms.sandbox.execute(  # 10
                plan.sql,
                streams,
                binding=case.binding,
                output_names=plan.output_names,
                materialized=frozenset() if plan.is_order_free else frozenset(streams),
                deadline=deadline,
                spill=limits.spill(spill, streamed=plan.is_order_free),
            )
            opened.hold(answer)
            yield from delivery.encode_dataset(  # 11
                answer,
                folder=into,
                order=planning.ORDER_COLUMN,
                hashes=masks.subject_hash(self._keys(case), project=case.purpose.project),
                trailer={"receipt": case.receipt.id, "snapshot": plan.snapshot},
                tally=tally,
            )

    def recovered(
        self,
        case: Case,
        plan: Plan,
        *,
        opened: OpenedAnswer,
        tally: Tally,
        format: delivery.Format,  # noqa: A002
    ) -> Iterator[bytes]:
        """Steps 8–11 of a re-identification."""
        try:
            yield from self._recovered(case, plan, opened=opened, tally=tally, format=format)
        except GatewayError as error:
            case.told(error)
            raise

    def _recovered(
        self,
        case: Case,
        plan: Plan,
        *,
        opened: OpenedAnswer,
        tally: Tally,
        format: delivery.Format,  # noqa: A002
    ) -> Iterator[bytes]:
        limits = self._limits.of(case.principal)
        deadline = time.monotonic() + limits.query_seconds
        sessions = self._sessions(case, opened, deadline=deadline, tally=tally)
        trailer: dict[str, str | int] = {"receipt": case.receipt.id, "snapshot": plan.snapshot}
        stream = self._recover(case, plan, sessions, told=tally.subjects, trailer=trailer)  # 8, 9
        answer = self._rooms.sandbox.execute(  # 10
            plan.sql,
            stream,
            binding=dataclasses.replace(case.binding, memory_mb=limits.sandbox_memory_mb),
            output_names=plan.output_names,
            materialized=frozenset(stream),  # T7; and the trailer is whole before the first row leaves
            deadline=deadline,
            when_read=sessions.close,
        )
        opened.hold(answer)
        yield from delivery.encode(  # 11
            answer,
            format=format,
            trailer=trailer,
            max_json_rows=limits.max_json_rows,
            max_rows=limits.max_result_rows,
            max_mb=limits.max_result_mb,
            tally=tally,
            charge=self._allowance(case, plan),
        )

    def _recover(
        self,
        case: Case,
        plan: Plan,
        sessions: SourceSessions,
        *,
        told: dict[str, Callable[[], str]],
        trailer: dict[str, str | int],
    ) -> dict[str, ReleasedStream]:
        """Steps 8 and 9 of a re-identification."""
        (step,) = plan.steps
        if case.approved is None or not isinstance(step, MaskedScan):
            raise AssertionError("a re-identification is one scan of an approved case")
        (masked,), (column,) = step.decisions, step.columns
        stream = masks.recover(
            sessions.of(step.scan.source).scan(step.scan),
            masked,
            declared=column.type,
            wanted=case.approved.pseudonyms,
            keys=self._keys(case),
            project=case.key.project,
            unresolved=lambda count: trailer.update(unresolved=count),
            noted=self._noted(case, step.scan.dataset, {}, told=told),
        )
        return {step.scan.id: stream}

    def _allowance(self, case: Case, plan: Plan) -> Callable[[pa.RecordBatch], None]:
        """Charges rows to their datasets before they leave (T6); protected groups are free."""
        datasets = sorted({step.scan.dataset for step in plan.steps if not isinstance(step, GuardedScan)})
        allowance = self._limits.of(case.principal).rows_per_day

        def charge(batch: pa.RecordBatch) -> None:
            rows = max(batch.num_rows, batch.nbytes // BYTES_OF_A_ROW)
            if (
                datasets
                and rows
                and not self._rooms.allowance.take(
                    principal=case.principal.id,
                    datasets=datasets,
                    day=case.now.date(),
                    rows=rows,
                    allowance=allowance,
                )
            ):
                raise Exhausted(
                    f"answers may have {allowance} rows of a dataset a day",
                    code="row_allowance",
                    fix="ask for fewer rows or for groups; more rows are an extract: gateway extract run SPEC.yaml",
                )

        return charge

    def newest(self, case: Case, request: WatermarkRequest, found: list[datetime.datetime | None]) -> Iterator[bytes]:
        """Step 8 of a watermark; there is no body."""
        opened = OpenedAnswer()
        deadline = time.monotonic() + self._limits.of(case.principal).query_seconds
        with contextlib.closing(opened):
            sessions = self._sessions(case, opened, deadline=deadline, tally=Tally())
            found.append(self._watermarks(case, sessions).get(request.dataset))
        yield b""

    def _keys(self, case: Case) -> PinnedKeys:
        """Of the epoch that the access entry names."""
        return PinnedKeys(self._rooms.keys, case.key)

    def _sessions(self, case: Case, opened: OpenedAnswer, *, deadline: float, tally: Tally) -> SourceSessions:
        sessions = SourceSessions(self._rooms.sources, receipt=case.receipt.id, deadline=deadline, tally=tally)
        opened.also(sessions.close)
        return sessions

    def _watermarks(self, case: Case, sessions: SourceSessions) -> dict[str, datetime.datetime]:
        """The newest row of every dataset whose watermark is read, in the state that its scans read."""
        assert case.policy is not None  # noqa: S101 - _decide set it
        found: dict[str, datetime.datetime] = {}
        for name, decision in case.allowed.datasets.items():
            watermark = case.policy.datasets[name].watermark
            column = decision.columns.get(watermark.column) if watermark else None
            if column is not None and column.level is not Level.AGGREGATED:
                scan = planning.watermark_scan(case.policy.datasets[name], decision)
                newest = _told(sessions.of(scan.source).newest(scan), column.mask)
                found |= {name: newest} if newest is not None else {}
        return found

    def _released(
        self, case: Case, plan: Plan, sessions: SourceSessions, *, told: dict[str, Callable[[], str]] | None = None
    ) -> dict[str, ReleasedStream]:
        """Steps 8 and 9. `told`: where sketches of whose rows are released are put, by dataset; None: nowhere."""
        sketches: dict[str, masks.Sketch] = {}
        streams = {}
        for step in plan.steps:
            is_told = told is not None and not isinstance(step, GuardedScan)
            noted = self._noted(case, step.scan.dataset, sketches, told=told if is_told else None)
            streams[step.scan.id] = self._release(case, step, sessions, noted=noted)
        return streams

    def _noted(
        self,
        case: Case,
        dataset: str,
        sketches: dict[str, masks.Sketch],
        *,
        told: dict[str, Callable[[], str]] | None,
    ) -> Callable[[pa.RecordBatch], None]:
        """What notes whose rows are released (T6)."""
        subject = case.policy.datasets[dataset].subject if case.policy else None
        if told is None or subject is None:
            return _unnoted
        sketch = sketches.setdefault(dataset, masks.Sketch())
        told[dataset] = sketch.text
        writer = masks.SketchWriter(
            sketch, column=subject.column, keys=self._keys(case), project=case.key.project, domain=subject.domain
        )
        return writer.note

    def _release(
        self,
        case: Case,
        step: Step,
        sessions: SourceSessions,
        *,
        noted: Callable[[pa.RecordBatch], None],
    ) -> ReleasedStream:
        """Steps 8 and 9 for one scan."""
        session = sessions.of(step.scan.source)
        if isinstance(step, GuardedScan):
            raw = session.group(step)  # 8
            return protection.release(raw, step, threshold=self._limits.threshold_subjects)  # 9
        # The rows behind a group are not seen: unless they are grouped by subject, the sketch says that it may be any.
        raw = session.aggregate(step) if isinstance(step, GroupedScan) else session.scan(step.scan)  # 8
        project = case.purpose.project
        return masks.apply(  # 9
            raw,
            step.decisions,
            columns=step.columns,
            keys=self._keys(case),
            project=project,
            noted=noted,
            inspection=self._inspection(case, step, sessions),
        )

    def _inspection(self, case: Case, step: MaskedScan | GroupedScan, sessions: SourceSessions) -> masks.Inspection:
        """What looks into the texts of a scan; the names that they may hold are read before it."""
        dataset = case.policy.datasets[step.scan.dataset] if case.policy else None
        scans = step.names if isinstance(step, MaskedScan) and step.scan.is_read else ()
        names = None
        if scans:
            columns = tuple(f"{scan.source} {'.'.join(scan.table)}.{scan.columns[0].name}" for scan in scans)
            names = self._rooms.names.of(columns, lambda: (sessions.of(scan.source).scan(scan) for scan in scans))
        return masks.Inspection(
            detector=self._rooms.detector, names=names, scan_rate=dataset.scan_rate if dataset else 1.0
        )


def _unnoted(_: pa.RecordBatch) -> None:
    """Nobody asks."""


def _told(newest: datetime.datetime | None, mask: MaskUse) -> datetime.datetime | None:
    """A watermark as exact as its column is shown: under truncate_date to the unit, under other masks not at all."""
    if newest is None or mask.name == "keep":
        return newest
    if mask.name != "truncate_date":
        return None
    column = pa.array([newest], pa.timestamp("us", "UTC"))
    told: datetime.datetime | None = masks.MASKS[mask.name](column, masks.MaskInputs(parameters=mask.parameters))[
        0
    ].as_py()
    return told


@contextlib.contextmanager
def spill_folder(parent: Path) -> Iterator[Path]:
    """A private folder for released rows that exceed memory; gone at the end."""
    folder = parent / ".spill"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    except OSError as error:
        raise Unavailable(
            f"the extract's folder cannot be used: {os.strerror(error.errno or errno.EIO)}",
            code="disk",
            fix="free space on the volume of the gateway's home, then run the extract again",
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
