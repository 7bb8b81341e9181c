"""T2: code that runs inside a child. The child's own modules confine a process; then it tries to get out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import gateway.sandbox
from gateway.sandbox.process import Child
from tests.unit.sandbox.sandboxes import ask, started

FOLDER = Path(gateway.sandbox.__file__).parent
SCRIPT = Path(__file__).parents[1] / "unit" / "sandbox" / "escape.py"

REFUSALS = {"EPERM", "EACCES", "EMFILE", "ENOSYS"}


@pytest.fixture(scope="module")
def outcome() -> Mapping[str, object]:
    if os.uname().machine != "x86_64":
        pytest.skip("the probe's system call numbers are those of x86_64; the filter itself is tested for both")
    own, theirs = socket.socketpair()
    with own, theirs:
        command = [sys.executable, "-I", str(SCRIPT), str(FOLDER), str(os.getpid()), str(theirs.fileno())]
        done = subprocess.run(
            command, env={}, cwd="/", pass_fds=[theirs.fileno()], timeout=60, check=False, stderr=subprocess.PIPE
        )
        assert done.returncode == 0, done.stderr
        theirs.close()
        return json.loads(own.recv(1 << 20, socket.MSG_WAITALL))  # type: ignore[no-any-return]  # the script's own


def test_t2_seccomp_was_entered(outcome: Mapping[str, object]) -> None:
    assert outcome["reason"] == ""


@pytest.mark.parametrize("thread", ["the main thread", "a thread older than the filter"])
def test_t2_no_way_out_is_open(outcome: Mapping[str, object], thread: str) -> None:
    results = outcome["results"]
    assert isinstance(results, dict)
    assert len(results[thread]) > 40
    open_ = {name: result for name, result in results[thread].items() if result not in REFUSALS}
    assert not open_


def test_t2_the_engine_still_computes(outcome: Mapping[str, object]) -> None:
    results = outcome["results"]
    assert isinstance(results, dict)
    assert results["rows"] == 1000


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with started() as sandbox:
        ask(sandbox, "SELECT count(*) FROM range(1000000)")
        (child,) = sandbox._idle
        yield child


def test_t2_every_thread_of_a_real_child_is_filtered(child: Child) -> None:
    for status in Path(f"/proc/{child.pid}/task").glob("*/status"):
        facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        assert facts["Seccomp"] == "2"
        assert facts["NoNewPrivs"] == "1"


def test_t2_a_real_child_has_its_limits(child: Child) -> None:
    lines = Path(f"/proc/{child.pid}/limits").read_text().splitlines()
    soft = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert [soft[name] for name in ("Max open files", "Max file size", "Max core file size")] == ["0", "0", "0"]
    assert int(soft["Max cpu time"]) == 60
    assert int(soft["Max address space"]) < 4 << 30


def test_t2_a_real_child_holds_no_file_and_no_environment(child: Child) -> None:
    try:
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        held = [str(fd.readlink()) for fd in Path(f"/proc/{child.pid}/fd").iterdir()]
    except PermissionError:
        return  # not even its own user may look: that is what undumpable means
    assert environment == b""
    assert not [name for name in held if name != "/dev/null" and not name.startswith("socket:")]


OWNER = """
import os, sys
from tests.unit.sandbox.sandboxes import ask, started
with started() as sandbox:
    ask(sandbox, "SELECT 1")
    print(*[child.pid for child in sandbox._idle], flush=True)
    os.kill(os.getpid(), 9)
"""


def test_t2_a_child_does_not_outlive_the_gateway() -> None:
    root = Path(gateway.sandbox.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", OWNER], cwd=root, stdout=subprocess.PIPE, timeout=60, check=False)
    pid = int(done.stdout)
    limit = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < limit
        time.sleep(0.01)
