"""Builders: limits, pools, and an interpreter whose worker misbehaves as its texts say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.detection import DetectionLimits, DetectorPool, Knowledge
from gateway.terms.recognition import Note


def limits(**changes: object) -> DetectionLimits:
    values: dict[str, object] = {
        "workers": 1,
        "value_seconds": 0.05,
        "memory_mb": 512,
        "idle_seconds": 30.0,
        "kernel_isolation": "required",
    }
    return DetectionLimits(**{**values, **changes})  # type: ignore[arg-type]  # built from plain values


@contextlib.contextmanager
def opened(
    *, python: str = sys.executable, knowledge: Knowledge | None = None, **changes: object
) -> Iterator[DetectorPool]:
    pool = DetectorPool(limits(**changes), knowledge=knowledge, python=python)
    try:
        yield pool
    finally:
        pool.close()


def notes(*texts: str) -> list[Note]:
    return [Note(text=text) for text in texts]


ACTOR = """#!{python}
import json, os, socket, struct, sys, time
spec = json.loads(sys.argv[-1])
folder, control = {folder!r}, socket.socket(fileno=spec["control"])
def note(what):
    with open(folder + "/told", "a") as told:
        told.write(what + "\\n")
def receive(size):
    got = b""
    while len(got) < size:
        more = control.recv(size - len(got))
        if not more:
            os._exit(0)
        got += more
    return got
def send(kind, payload):
    control.sendall(struct.pack(">BI", kind, len(payload)) + payload)
note("born")
{begin}
send(1, json.dumps({{"seccomp": True, "landlock": True, "reason": ""}}).encode())
while True:
    kind, size = struct.unpack(">BI", receive(5))
    question = json.loads(receive(size))
    if kind == 2:
        note("names " + question["id"] + " " + str(len(question["parts"])))
        send(3, b"")
        continue
    if kind == 6:
        note("table")
        {table}
        continue
    notes = question["notes"]
    size = 1 if question["alone"] else 32
    for start in range(0, len(notes), size):
        chunk = [text for text, known in notes[start:start + size]]
        if "die" in chunk:
            os._exit(1)
        while "spin" in chunk:
            pass
        if "stop" in chunk:
            time.sleep(60)
        if "lie" in chunk:
            send(5, b"\\xff" * 40)
            continue
        if "flood" in chunk:
            control.sendall(struct.pack(">BI", 5, 2**31))
            continue
        heads = struct.pack(">I", len(chunk))
        heads += b"".join(struct.pack(">B2sI", 0, b"en", 1 if len(text) > 1 else 0) for text in chunk)
        spans = b"".join(struct.pack(">IIBBIB", 0, 1, 0, 0, 1, 1) for text in chunk if len(text) > 1)
        send(5, heads + spans)
"""
"""Finds a person in the first letter of every text of two letters or more."""


def actor(folder: Path, *, begin: str = "", table: str = "os._exit(1)") -> str:
    """An interpreter that runs the actor in the worker's place."""
    script = folder / "python"
    script.write_text(ACTOR.format(python=sys.executable, folder=str(folder), begin=begin, table=table))
    script.chmod(0o700)
    return str(script)


def told(folder: Path) -> list[str]:
    """What the actors noted."""
    path = folder / "told"
    return path.read_text().splitlines() if path.exists() else []
