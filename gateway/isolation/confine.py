"""What a child gives up, in the order in which it can.

`prepare` before the libraries are imported, `leave_files` once before the engine starts its threads and once
after, `confine` at the end.
Everything here is one way: no call gives a right back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

from gateway.isolation import seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_M_ARENA_MAX = -8
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION_FLAG, _LANDLOCK_PATH_BENEATH = 1, 1
_FS_READ_FILE = 1 << 2
_FS_SPILL = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 14
"""Write, read and list files; remove and make regular ones; truncate (ABI 3). No folder, link, socket or device."""
_FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""ABI to all file system rights that it knows; ABI 4 has those of 3."""
_NET_RIGHTS, _SCOPES = 0b11, 0b11
"""TCP bind and connect (ABI 4); abstract sockets and signals (ABI 6)."""

NICENESS = 10
"""Of a child once it is ready: the gateway, its log and children that start come before anybody's query or text."""
SPILL_FILES = 256
"""Descriptors of a child that spills; its sockets count too."""


def prepare(*, parent: int) -> None:
    """Die with the gateway, be the kernel's first victim when memory ends, keep the address space small.

    Raises:
        SystemExit: the gateway was gone before this call.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)
    with contextlib.suppress(OSError):  # a wish: without it the kernel chooses its victim by size
        Path("/proc/self/oom_score_adj").write_text("1000")
    _prctl(_PR_SET_DUMPABLE, 0)  # a process of the same user can neither trace this one nor read its memory
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Each thread's arena reserves 64 MB of address space, which RLIMIT_AS counts; the environment is empty by design.
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def leave_files(*readable: str, writable: str = "") -> bool:
    """Give up every path, TCP port, and signal to others by Landlock; False where the kernel has none.

    Holds for this thread and those that it starts later. Layers add up: a second call takes more.

    Args:
        readable: folders whose files may still be read.
        writable: a folder in which files may be made, written and removed; empty: none.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)
    if abi < 1:
        return False
    files = max(rights for since, rights in _FS_RIGHTS.items() if since <= abi)
    attributes = struct.pack("=QQQ", files, _NET_RIGHTS, _SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]  # noqa: PLR2004 - ABI versions, explained above
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for folder in readable:
            _allow(libc, _FS_READ_FILE, ruleset=ruleset, folder=folder)
        if writable:
            _allow(libc, _FS_SPILL & files, ruleset=ruleset, folder=writable)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, rights: int, *, ruleset: int, folder: str) -> None:
    """Add an exception; one that fails leaves the ruleset stricter."""
    beneath = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, beneath)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(beneath)


def confine(
    *, mapped_bytes: int, address_space_mb: int, cpu_seconds: int | None, spill_mb: int = 0, timer: bool = False
) -> str:
    """Set the limits, then enter seccomp on all threads; empty if it was entered, else why not.

    Args:
        mapped_bytes: address space in use once everything is loaded; the limit stands on top of it.
        address_space_mb: what queries may map beyond that.
        cpu_seconds: of the whole life of this process; None: what it does is bounded piece by piece.
        spill_mb: size of the largest file; 0: no file can be opened or written.
        timer: it may set its own alarm.
    """
    os.nice(NICENESS)
    space = mapped_bytes + (address_space_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    if cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU first: it names the reason
    files = SPILL_FILES if spill_mb else 0
    for what, limit in (
        (resource.RLIMIT_FSIZE, spill_mb << 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, files),  # sockets that are open stay so; nothing new gets a descriptor
    ):
        resource.setrlimit(what, (limit, limit))
    try:
        seccomp.enter(files=bool(files), timer=timer)
    except seccomp.Refused as refused:
        return f"{refused.strerror} (errno {refused.errno})"
    return ""


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "prctl was refused")
