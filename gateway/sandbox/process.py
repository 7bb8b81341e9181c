"""One child: spawned from a clean interpreter, killed as a whole, reaped always."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.errors import Unavailable
from gateway.isolation import process as isolation
from gateway.sandbox.failures import End
from gateway.sandbox.limits import Binding, SandboxLimits, Spill
from gateway.sandbox.wire import Channel

CHILD_FOLDER: Final = Path(__file__).with_name("child")
_PR_SET_DUMPABLE: Final = 4
END_SECONDS: Final = 1.0
START_SECONDS: Final = 60.0
"""A child is ready in well under a second; a loaded machine may take longer, a broken one never ends."""
_VERDICTS: Final[Mapping[int, End]] = {-signal.SIGXCPU: "time", -signal.SIGKILL: "memory"}
"""Exit statuses by the kernel's hand."""


class Child:
    """A process with its sockets. Owned by one query at a time, or by the pool."""

    def __init__(self, process: subprocess.Popen[bytes], *, control: Channel, scans: tuple[Channel, ...]) -> None:
        self.control = control
        self.scans = scans
        self.isolation: Mapping[str, bool] = {}
        """What it achieved, by its own report before any SQL."""
        self.binding: Binding | None = None
        """Set by its first query, for good."""
        self.served = 0
        """Queries given to it."""
        self.end: End | None = None
        """Why the gateway killed it; the first reason stays."""
        self._process = process
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def bound_memory(self, *, below_mb: int) -> bool:
        """Let it map so much less than it may, for good; False: it is gone, or has no bound to lower."""
        try:
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_AS)
            space = hard - (below_mb << 20)
            resource.prlimit(self.pid, resource.RLIMIT_AS, (space, space))
        except (OSError, ValueError):
            return False
        return True

    def kill(self, end: End) -> None:
        """SIGKILL, from any thread; whoever reads from it sees its end."""
        with self._ending:
            self.end = self.end or end
            self._process.kill()

    def reap(self) -> None:
        """Wait for its end (MUST have been killed or ended) and close its sockets."""
        self._process.wait()
        for channel in (self.control, *self.scans):
            channel.close()

    def verdict(self) -> End | None:
        """Why it is gone: the gateway's reason, else the kernel's (CPU limit, no memory left), else None.

        Its sockets close a moment before it is gone; one that closed them and lives on has no reason.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.end or _VERDICTS.get(self._process.wait(END_SECONDS))
        return None


def spawn(limits: SandboxLimits, *, python: str, spill: Spill | None = None) -> Child:
    """Start a child and wait until it has confined itself. MUST be called by a thread that outlives the child.

    The kernel kills a child when the thread that started it ends (PR_SET_PDEATHSIG).

    Raises:
        Unavailable: it did not start, or the kernel lacks seccomp (to spill: or Landlock) and isolation is required;
            the text says why.
    """
    with contextlib.ExitStack() as theirs:
        ours = theirs.enter_context(contextlib.ExitStack())
        try:
            pairs = [socket.socketpair() for _ in range(1 + limits.max_scans)]
            for own, end in pairs:
                ours.callback(own.close)
                theirs.callback(end.close)
            process = _start([end.fileno() for _, end in pairs], limits=limits, python=python, spill=spill)
        except OSError as error:  # no descriptor or no process left: another day there is one
            raise Unavailable(f"a sandbox child could not be started: {error.strerror}", code="sandbox") from None
        ours.pop_all()
        control, *scans = (Channel(own) for own, _ in pairs)
    child = Child(process, control=control, scans=tuple(scans))
    try:
        child.isolation = isolation.achieved(
            isolation.report_of(child.control, seconds=START_SECONDS),
            needs=("seccomp", "landlock") if spill else ("seccomp",),
            isolation=limits.kernel_isolation,
            what="sandbox",
        )
    except BaseException:
        child.kill("retired")
        child.reap()
        raise
    return child


def _start(numbers: list[int], *, limits: SandboxLimits, python: str, spill: Spill | None) -> subprocess.Popen[bytes]:
    spec = {
        "control": numbers[0],
        "scans": numbers[1:],
        "memory_mb": spill.memory_mb if spill else limits.memory_mb,
        "address_space_mb": limits.address_space_mb,
        "cpu_seconds": spill.cpu_seconds if spill else limits.cpu_seconds,
        "spill": str(spill.folder.absolute()) if spill else "",
        "spill_mb": spill.max_mb if spill else 0,
        "streamed": spill is not None and spill.streamed,
    }
    return isolation.start(CHILD_FOLDER, spec, numbers=numbers, python=python)


def protect_memory() -> None:
    """Let no process of the same user trace the gateway or read its memory, and write no core file of it.

    Called once by `serve`, before keys are read. Children do the same for themselves.

    Raises:
        Unavailable: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(ctypes.c_int(_PR_SET_DUMPABLE), zero, zero, zero, zero) != 0:
        raise Unavailable("the kernel refused to protect the gateway's memory", code="isolation")
