"""A worker's life. The steps stand in the only order that works: what comes later takes away what the earlier need."""

from __future__ import annotations

import contextlib
import json
import os
import resource
from pathlib import Path
from typing import TypedDict

from gateway.isolation import confine


class Spec(TypedDict):
    """What the gateway says at the spawn."""

    parent: int
    """The gateway's process id."""
    control: int
    """Descriptor of the socket for questions and answers."""
    memory_mb: int
    value_seconds: float
    """Of the processor, for one text."""
    models: dict[str, str]
    """Installed packages with language models, by language."""
    site: str
    """The site's own recognizers, YAML; empty: none."""
    lexicon: str
    """The site's own words for column names, YAML; empty: none."""


def main(spec: Spec) -> None:
    """Prepare, load, rehearse, confine, report, serve."""
    # 1. Die with the gateway; no new privileges; one small heap.
    confine.prepare(parent=spec["parent"])
    # 2. Load everything that will ever be needed, and do once what every question does.
    from gateway.errors import GatewayError
    from gateway.isolation.frames import READY, Channel

    from . import loading, serve

    control = Channel(spec["control"])
    sizes = Path("/proc/self/statm").open("rb", buffering=0)  # noqa: SIM115 - read after files are given up
    try:
        reader, classify = loading.loaded(
            models=spec["models"], site=spec["site"], lexicon=spec["lexicon"], seconds=spec["value_seconds"]
        )
    except GatewayError as error:
        control.write(READY, json.dumps({"refused": error.message, "fix": error.fix}).encode())
        return
    # 3. Give up every file: nothing is loaded later.
    landlock = confine.leave_files()
    # 4. Limits and seccomp.
    with contextlib.closing(sizes):
        mapped = int(sizes.read(4096).split()[0]) * resource.getpagesize()
    reason = confine.confine(
        mapped_bytes=mapped, address_space_mb=spec["memory_mb"], cpu_seconds=None, spill_mb=0, timer=True
    )
    # 5. Report what was achieved; the gateway decides whether it is enough.
    report = {"landlock": landlock, "seccomp": not reason, "reason": reason}
    control.write(READY, json.dumps(report).encode())
    # 6. Serve, then end without finalizers.
    serve.serve(control, reader=reader, classify=classify)
    os._exit(0)
