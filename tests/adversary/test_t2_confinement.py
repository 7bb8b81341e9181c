"""T2: code that runs inside a child. The child's own modules confine a process; then it tries to get out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import gateway.sandbox

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
