"""T3: a child that was taken over. It speaks the protocol and lies; nothing of it may pass for an answer."""

from __future__ import annotations

import hashlib
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Unavailable
from gateway.isolation.frames import HEADER, READY
from gateway.sandbox import Sandbox
from gateway.sandbox.child.frames import BATCH, SCHEMA, STATUSES, TRAILER, TRAILER_LAYOUT
from gateway.terms.streams import ReleasedStream
from tests.unit.sandbox.sandboxes import SCHEMA as ROWS
from tests.unit.sandbox.sandboxes import ask, limits, rows, started

HOSTILE = """#!{python}
import json, pathlib, socket, struct, sys, time
spec = json.loads(sys.argv[-1])
control = socket.socket(fileno=spec["control"])
report = b'{{"seccomp": true}}'
control.sendall(struct.pack(">BI", 1, len(report)) + report)
header = control.recv(5, socket.MSG_WAITALL)
if not header:
    raise SystemExit
control.recv(struct.unpack(">BI", header)[1], socket.MSG_WAITALL)
{before}
control.sendall(pathlib.Path({answer!r}).read_bytes())
{after}
"""

X = pa.record_batch({"x": pa.array(["abcdef", "g"])})


def frame(kind: int, payload: bytes | pa.Buffer) -> bytes:
    return HEADER.pack(kind, len(payload)) + bytes(payload)


SCHEMA_X, BATCH_X = X.schema.serialize().to_pybytes(), X.serialize().to_pybytes()


def trailer(*payloads: bytes, rows: int = 2, status: str = "ok") -> bytes:
    digest = hashlib.sha256(b"".join(payloads)).digest()
    return frame(TRAILER, TRAILER_LAYOUT.pack(STATUSES.index(status), rows, digest))


HONEST = frame(SCHEMA, SCHEMA_X) + frame(BATCH, BATCH_X) + trailer(SCHEMA_X, BATCH_X)
OVER_READ = BATCH_X.replace(struct.pack("<3i", 0, 6, 7), struct.pack("<3i", 0, 6, 40_000_000))


def taken_over(folder: Path, answer: bytes, *, before: str = "", after: str = "") -> Sandbox:
    (folder / "answer").write_bytes(answer)
    script = folder / "python"
    script.write_text(HOSTILE.format(python=sys.executable, answer=str(folder / "answer"), before=before, after=after))
    script.chmod(0o700)
    sandbox = Sandbox(limits(), python=str(script))
    sandbox.start()
    return sandbox


def test_t3_the_vectors_are_hostile_only_where_they_say_so(tmp_path: Path) -> None:
    sandbox = taken_over(tmp_path, HONEST)
    assert ask(sandbox, "SELECT 1")["x"].to_pylist() == ["abcdef", "g"]
    sandbox.close()


LIES = {
    "offsets into the gateway's memory": frame(SCHEMA, SCHEMA_X)
    + frame(BATCH, OVER_READ)
    + trailer(SCHEMA_X, OVER_READ),
    "a row less than the trailer says": frame(SCHEMA, SCHEMA_X)
    + frame(BATCH, BATCH_X)
    + trailer(SCHEMA_X, BATCH_X, rows=3),
    "another digest": frame(SCHEMA, SCHEMA_X) + frame(BATCH, BATCH_X) + trailer(SCHEMA_X),
    "a trailer before any schema": trailer(rows=0),
    "a batch before any schema": frame(BATCH, BATCH_X),
    "two schemas": frame(SCHEMA, SCHEMA_X) * 2 + trailer(SCHEMA_X, SCHEMA_X, rows=0),
    "another number of columns": frame(SCHEMA, pa.schema([("a", pa.int8()), ("b", pa.int8())]).serialize()),
    "a frame that claims 4 GiB": frame(SCHEMA, SCHEMA_X) + HEADER.pack(BATCH, 2**32 - 1) + b"x" * 1000,
    "a frame above 64 MiB": frame(SCHEMA, SCHEMA_X) + HEADER.pack(BATCH, (64 << 20) + 1),
    "a schema above 1 MiB": HEADER.pack(SCHEMA, (1 << 20) + 1),
    "a trailer above its size": frame(SCHEMA, SCHEMA_X) + HEADER.pack(TRAILER, 64 << 10),
    "a kind that is none": frame(SCHEMA, SCHEMA_X) + frame(77, b""),
    "a second report": frame(READY, b"{}"),
    "a status that is none": frame(SCHEMA, SCHEMA_X) + frame(TRAILER, TRAILER_LAYOUT.pack(200, 0, bytes(32))),
    "noise": b"\xde\xad\xbe\xef" * 1000,
    "nothing": b"",
    "half a frame": frame(SCHEMA, SCHEMA_X)[:-1],
    "a whole answer without trailer": frame(SCHEMA, SCHEMA_X) + frame(BATCH, BATCH_X),
    "a cut batch": frame(SCHEMA, SCHEMA_X) + frame(BATCH, BATCH_X)[:-1],
}


@pytest.mark.parametrize("name", LIES)
def test_t3_a_lie_ends_the_query_and_nothing_else(tmp_path: Path, name: str) -> None:
    sandbox = taken_over(tmp_path, LIES[name])
    with pytest.raises(Unavailable) as caught:
        ask(sandbox, "SELECT 1")
    assert caught.value.code == "unavailable.sandbox"
    sandbox.close()


def test_t3_a_dictionary_type_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.dictionary(pa.int8(), pa.string()))]).serialize().to_pybytes()
    sandbox = taken_over(tmp_path, frame(SCHEMA, schema))
    with pytest.raises(GatewayError):
        ask(sandbox, "SELECT 1")
    sandbox.close()


def test_t3_a_silent_child_ends_at_the_deadline(tmp_path: Path) -> None:
    sandbox = taken_over(tmp_path, b"", after="time.sleep(60)")
    begin = time.monotonic()
    with pytest.raises(GatewayError) as caught:
        ask(sandbox, "SELECT 1", seconds=0.3)
    assert caught.value.code == "exhausted.time"
    assert time.monotonic() - begin < 1.3
    sandbox.close()


def test_t3_a_child_that_never_drains_does_not_hold_the_gateway(tmp_path: Path) -> None:
    sandbox = taken_over(tmp_path, HONEST, before="time.sleep(0.5)", after="time.sleep(60)")
    begin = time.monotonic()
    table = ask(sandbox, "SELECT 1", {"s": ReleasedStream(ROWS, rows(10**7))})
    assert table.num_rows == 2
    assert time.monotonic() - begin < 3
    assert not sandbox._idle, "it is not used again"
    sandbox.close()


def test_t3_a_child_that_hangs_up_and_lives_on_is_killed(tmp_path: Path) -> None:
    sandbox = taken_over(tmp_path, b"", after="control.close(); time.sleep(60)")
    (child,) = sandbox._warm
    with pytest.raises(Unavailable):
        ask(sandbox, "SELECT 1")
    limit = time.monotonic() + 5
    while child.is_alive:
        assert time.monotonic() < limit
        time.sleep(0.01)
    sandbox.close()


CANARY = "CANARY-OF-AN-EARLIER-QUERY"


def canaries() -> Iterator[pa.RecordBatch]:
    for _ in range(40):
        yield pa.record_batch({"id": pa.array(range(2_000)), "who": pa.array([f"{CANARY}{i}" for i in range(2_000)])})


def test_t3_bytes_of_an_earlier_query_are_in_no_later_answer() -> None:
    with started() as sandbox:
        for _ in range(5):
            streams = {"__scan_1": ReleasedStream(ROWS, canaries())}
            ask(sandbox, "SELECT who, min(id) FROM __scan_1 GROUP BY 1 ORDER BY 1", streams, names=("w", "n"))
            sql = (
                "SELECT CASE WHEN range % 3 = 0 THEN range::VARCHAR END, CASE WHEN range % 2 = 0 THEN range END,"
                " CASE WHEN range % 5 = 0 THEN [range::VARCHAR, NULL] END, {'a': CASE WHEN range % 7 = 0 THEN 'y' END}"
                " FROM range(20000)"
            )
            answer = ask(sandbox, sql, names=("a", "b", "c", "d"))
            body = b"".join(batch.serialize().to_pybytes() for batch in answer.to_batches())
            assert CANARY[:8].encode() not in body
        assert len(sandbox._idle) == 1, "one child served them all"
