"""A child's start: a clean interpreter, an empty environment, its own session, and a report before anything is sent."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from gateway.errors import Unavailable
from gateway.isolation.frames import READY
from gateway.isolation.wire import Channel, Ended, Malformed

MAX_REPORT_BYTES: Final = 64 << 10
KernelIsolation = Literal["required", "accept_none"]
"""`required`: without seccomp nothing is served."""


def start(
    folder: Path,
    spec: Mapping[str, object],
    *,
    numbers: Sequence[int],
    python: str,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Run a child's folder. MUST be called by a thread that outlives the child.

    The kernel kills a child when the thread that started it ends (PR_SET_PDEATHSIG).

    Args:
        folder: has a `__main__`.
        spec: what the child is told, as JSON; its `parent` is added.
        numbers: descriptors that it gets, and no others.
        python: the interpreter.
        environment: all that it has; none of the gateway's, which may name files with secrets.

    Raises:
        OSError: no descriptor or no process is left.
    """
    return subprocess.Popen(
        [python, "-I", str(folder), json.dumps({"parent": os.getpid(), **spec})],
        env=dict(environment or {}),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=tuple(numbers),
        start_new_session=True,  # a Ctrl-C at the terminal is the gateway's to handle
    )


def report_of(control: Channel, *, seconds: float) -> Mapping[str, object] | None:
    """What a child says of itself once it is ready; None: it ended, or said something else, or nothing in time."""
    control.limit(seconds)
    try:
        kind, payload = control.read()
        report = json.loads(payload.to_pybytes()) if kind == READY else None
    except (Ended, Malformed, ValueError, RecursionError):
        return None
    control.limit(None)
    return report if isinstance(report, dict) else None


def achieved(
    report: Mapping[str, object] | None, *, needs: tuple[str, ...], isolation: KernelIsolation, what: str
) -> Mapping[str, bool]:
    """What a child gave up, by its own report before it was sent anything.

    Args:
        report: as `report_of` gives it.
        needs: names that MUST be true where isolation is required.
        isolation: whether it is.
        what: the child in words: `sandbox`.

    Raises:
        Unavailable: there is no report, or it lacks what is needed; the text says why.
    """
    if report is None:
        raise Unavailable(f"a {what} child ended before it was ready", code=what)
    told = {name: value for name, value in report.items() if isinstance(value, bool)}
    missing = [name for name in needs if not told.get(name, False)]
    if isolation == "required" and missing:
        raise Unavailable(
            f"{what} children cannot enter {' and '.join(missing)}: {report.get('reason') or 'not in this kernel'}",
            code="isolation",
            fix="use a kernel with seccomp filters and Landlock, "
            "or accept the risk: sandbox_kernel_isolation = accept_none",
        )
    return told
