"""A child's life. The steps stand in the only order that works: what comes later takes away what the earlier need."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import TypedDict

from gateway.isolation import confine


class Spec(TypedDict):
    """What the gateway says at the spawn."""

    parent: int
    """The gateway's process id."""
    control: int
    """Descriptor of the socket for queries and answers."""
    scans: list[int]
    """Descriptors of the sockets for released streams."""
    memory_mb: int
    address_space_mb: int
    cpu_seconds: int
    spill: str
    """Folder for what exceeds the memory; empty: there is none."""
    spill_mb: int
    streamed: bool
    """Not every scan is loaded whole."""


def main(spec: Spec) -> None:
    """Prepare, load, lock, confine, report, serve."""
    # 1. Die with the gateway; no new privileges; one small heap.
    confine.prepare(parent=spec["parent"])
    # 2. Load everything that will ever be needed. NumPy is not: without it a start takes half the time and threads.
    sys.modules["numpy"] = None  # type: ignore[assignment]  # the import system's mark for "not to be found"
    from gateway.isolation.frames import READY, Channel

    from . import lock, session

    sizes = Path("/proc/self/statm").open("rb", buffering=0)  # noqa: SIM115 - read after files are given up
    # 3. Give up files before the engine starts its threads: they inherit that. It asks for processors and cgroups.
    confine.leave_files("/proc/self", "/sys", writable=spec["spill"])
    # 4. Start the engine, lock it, let it load what a query loads; then give up the rest.
    connection = lock.locked(
        memory_mb=spec["memory_mb"], spill=spec["spill"], spill_mb=spec["spill_mb"], streamed=spec["streamed"]
    )
    session.rehearse(connection)
    landlock = confine.leave_files(writable=spec["spill"])
    # 5. Take the sockets that came with the spawn.
    control = Channel(spec["control"])
    scans = [Channel(fd) for fd in spec["scans"]]
    # 6. Limits and seccomp.
    with contextlib.closing(sizes):
        mapped = int(sizes.read(4096).split()[0]) * resource.getpagesize()
    reason = confine.confine(
        mapped_bytes=mapped,
        address_space_mb=spec["address_space_mb"],
        cpu_seconds=spec["cpu_seconds"],
        spill_mb=spec["spill_mb"],
    )
    # 7. Report what was achieved; the gateway decides whether it is enough.
    report = {"landlock": landlock, "seccomp": not reason, "reason": reason}
    control.write(READY, json.dumps(report).encode())
    # 8. Serve, then end without finalizers: a half-read stream makes them hang.
    session.serve(connection, control, scans)
    os._exit(0)
