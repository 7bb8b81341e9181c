"""Run by test_sandbox_spill.py as `python -I spill_escape.py SANDBOX_FOLDER PARENT SOCKET SPILL_FOLDER`:
confine oneself as a child that spills does, then try to get at anything but the folder. x86_64's numbers."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
importlib.import_module("child")
confine = importlib.import_module("gateway.isolation.confine")
lock = importlib.import_module("child.lock")
parent, folder = int(sys.argv[2]), sys.argv[4]
confine.prepare(parent=parent)
libc = ctypes.CDLL(None, use_errno=True)
confine.leave_files("/proc/self", "/sys", writable=folder)
connection = lock.locked(memory_mb=128, spill=folder, spill_mb=8)
landlock = confine.leave_files(writable=folder)
page = ctypes.create_string_buffer(4096)
out = socket.socket(fileno=int(sys.argv[3]))
reason = confine.confine(mapped_bytes=1 << 32, address_space_mb=1024, cpu_seconds=60, spill_mb=8)


def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(
        ctypes.c_long(number), *[a if isinstance(a, ctypes.Array) else ctypes.c_long(a) for a in arguments]
    )
    return "open" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


def path(text):
    return ctypes.create_string_buffer(text.encode())


def opened(text, flags=0, mode=0o600):
    return call(257, -100, path(text), flags, mode)


CREATE = os.O_CREAT | os.O_RDWR
ESCAPES = {
    "open a file": lambda: opened("/etc/passwd"),
    "open by old open": lambda: call(2, path("/etc/passwd"), 0),
    "a neighbour's file": lambda: opened(f"{folder}/../neighbour/rows"),
    "a neighbour's file by name": lambda: opened(f"{Path(folder).parent}/neighbour/rows"),
    "a new file next door": lambda: opened(f"{folder}/../escaped", CREATE),
    "a new file in /tmp": lambda: opened("/tmp/escaped", CREATE),
    "through a link that leads out": lambda: opened(f"{folder}/link"),
    "list the folder above": lambda: opened(f"{folder}/..", os.O_RDONLY | os.O_DIRECTORY),
    "list the root": lambda: opened("/", os.O_RDONLY | os.O_DIRECTORY),
    "remove next door": lambda: call(87, path(f"{folder}/../neighbour/rows")),
    "parent's environment": lambda: opened(f"/proc/{parent}/environ"),
    "parent's memory": lambda: opened(f"/proc/{parent}/mem", os.O_RDWR),
    "own memory file": lambda: opened("/proc/self/mem", os.O_RDWR),
    "a device": lambda: opened("/dev/null", os.O_RDWR),
    "make a folder": lambda: call(83, path(f"{folder}/inner"), 0o700),
    "make a link": lambda: call(88, path("/etc/passwd"), path(f"{folder}/passwd")),
    "make a hard link": lambda: call(86, path("/etc/passwd"), path(f"{folder}/passwd")),
    "rename into the folder": lambda: call(82, path(f"{folder}/../neighbour/rows"), path(f"{folder}/rows")),
    "make a device": lambda: call(133, path(f"{folder}/dev"), 0o020600, 0x103),
    "change a mode": lambda: call(90, path(f"{folder}/link"), 0o777),
    "mount": lambda: call(165, path("x"), path(folder), path("tmpfs"), 0, 0),
    "change the root": lambda: call(161, path(folder)),
    "change the folder": lambda: call(80, path("/")),
    "internet socket": lambda: call(41, 2, 1, 0),
    "unix socket": lambda: call(41, 1, 1, 0),
    "pipe": lambda: call(22, page),
    "execve": lambda: call(59, path("/bin/true"), 0, 0),
    "fork": lambda: call(57),
    "ptrace the parent": lambda: call(101, 16, parent, 0, 0),
    "kill the parent": lambda: call(62, parent, 9),
    "have the kernel signal the parent": lambda: call(72, out.fileno(), 8, parent),
    "have the kernel kill with it": lambda: call(72, out.fileno(), 10, 9),
    "have the kernel do it when the socket moves": lambda: call(72, out.fileno(), 4, os.O_RDWR | 0o20000),
    "duplicate a descriptor": lambda: call(72, out.fileno(), 0, 0),
    "a lease on a file": lambda: call(72, out.fileno(), 1024, 0),
    "run the file that was written": lambda: call(59, path(f"{folder}/own"), 0, 0),
    "map a file to run it": lambda: call(9, 0, 4096, 5, 2, out.fileno(), 0),
}
ALLOWED = {
    "make a file": lambda: opened(f"{folder}/own", CREATE, 0o700),
    "read it again": lambda: opened(f"{folder}/own"),
    "list the folder": lambda: opened(folder, os.O_RDONLY | os.O_DIRECTORY),
    "remove a file": lambda: call(87, path(f"{folder}/own")),
}


def too_large():
    """Bytes that one file takes, in a folder of 8 MiB at most."""
    fd, written = os.open(f"{folder}/large", CREATE), 0
    try:
        while written < 64 << 20:
            written += os.write(fd, bytes(1 << 20))
    except OSError as error:
        return [errno.errorcode[error.errno], written]
    return ["no end", written]


results = {
    "allowed": {name: attempt() for name, attempt in ALLOWED.items()},
    "escapes": {name: attempt() for name, attempt in ESCAPES.items()},
    "large": too_large(),
    "rows": connection.cursor().sql("SELECT count(*) FROM range(1000)").fetchall()[0][0],
}
out.sendall(json.dumps({"landlock": landlock, "reason": reason, "results": results}).encode())
os._exit(0)
