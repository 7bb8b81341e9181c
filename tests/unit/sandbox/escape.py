"""Run by test_t2_confinement.py as `python -I escape.py SANDBOX_FOLDER PARENT SOCKET`: confine oneself as a child does,
then try every way out, on the main thread and on one that was there before the filter. x86_64's numbers."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import socket
import sys
import threading

sys.path.insert(0, sys.argv[1])
importlib.import_module("child")
confine = importlib.import_module("gateway.isolation.confine")
lock = importlib.import_module("child.lock")
parent = int(sys.argv[2])
confine.prepare(parent=parent)
libc = ctypes.CDLL(None, use_errno=True)
go, done, results = threading.Event(), threading.Event(), {}
null = os.open("/dev/null", os.O_RDWR)
landlock = confine.leave_files("/proc/self", "/sys")
connection = lock.locked(memory_mb=128)
landlock = confine.leave_files() and landlock
page = ctypes.create_string_buffer(4096)


def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(
        ctypes.c_long(number), *[a if isinstance(a, ctypes.Array) else ctypes.c_long(a) for a in arguments]
    )
    return "open" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


def path(text):
    return ctypes.create_string_buffer(text.encode())


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def escapes():
    local = IoVec(ctypes.addressof(page), 64)
    remote = IoVec(0x400000, 64)
    return {
        "open a file": lambda: call(257, -100, path("/etc/passwd"), 0),
        "open by old open": lambda: call(2, path("/etc/passwd"), 0),
        "parent's environment": lambda: call(257, -100, path(f"/proc/{parent}/environ"), 0),
        "parent's memory": lambda: call(257, -100, path(f"/proc/{parent}/mem"), 2),
        "own memory file": lambda: call(257, -100, path("/proc/self/mem"), 2),
        "write a file": lambda: call(257, -100, path("/tmp/escaped"), 0o102, 0o600),
        "list a folder": lambda: call(217, null, page, 4096),
        "readlink": lambda: call(89, path("/proc/self/exe"), page, 4096),
        "stat": lambda: call(4, path("/etc/passwd"), page),
        "unlink": lambda: call(87, path("/tmp/escaped")),
        "internet socket": lambda: call(41, 2, 1, 0),
        "unix socket": lambda: call(41, 1, 1, 0),
        "netlink socket": lambda: call(41, 16, 3, 0),
        "socketpair": lambda: call(53, 1, 1, 0, page),
        "pipe": lambda: call(22, page),
        "dup": lambda: call(32, null),
        "execve": lambda: call(59, path("/bin/true"), 0, 0),
        "fork": lambda: call(57),
        "vfork": lambda: call(58),
        "clone a process": lambda: call(56, 17, 0, 0, 0, 0),
        "clone3 a process": lambda: call(435, page, 64),
        "ptrace the parent": lambda: call(101, 16, parent, 0, 0),
        "read the parent's memory": lambda: call(
            310, parent, ctypes.addressof(local), 1, ctypes.addressof(remote), 1, 0
        ),
        "write the parent's memory": lambda: call(
            311, parent, ctypes.addressof(local), 1, ctypes.addressof(remote), 1, 0
        ),
        "kill the parent": lambda: call(62, parent, 9),
        "tgkill the parent": lambda: call(234, parent, parent, 9),
        "queue a signal": lambda: call(129, parent, 9, page),
        "shared memory": lambda: call(29, 0, 4096, 0o1600),
        "message queue": lambda: call(240, path("/escaped"), 0o102, 0o600, 0),
        "memfd": lambda: call(319, path("x"), 0),
        "pidfd": lambda: call(434, parent, 0),
        "take a descriptor of the parent": lambda: call(438, 0, 0, 0),
        "io_uring": lambda: call(425, 8, page),
        "bpf": lambda: call(321, 0, page, 64),
        "userfaultfd": lambda: call(323, 1),
        "perf events": lambda: call(298, page, parent, -1, -1, 0),
        "executable mapping": lambda: call(9, 0, 4096, 7, 0x22, -1, 0),
        "make memory executable": lambda: call(10, (ctypes.addressof(page) + 4095) & ~4095, 0, 5),
        "raise a limit": lambda: call(160, 7, path("x" * 16)),
        "raise a limit by prlimit": lambda: call(302, 0, 7, path("x" * 16), 0),
        "become dumpable": lambda: call(157, 4, 1, 0, 0, 0),
        "outlive the parent": lambda: call(157, 1, 0, 0, 0, 0),
        "new namespaces": lambda: call(272, 0x10000000),
        "change user": lambda: call(105, 0),
        "another filter": lambda: call(317, 1, 0, 0),
        "keys of the kernel": lambda: call(250, 0, -1, 0, 0, 0),
        "terminal input": lambda: call(16, 0, 0x5412, page),
        "receive a descriptor": lambda: call(47, null, page, 0),
    }


def try_all():
    return {name: attempt() for name, attempt in escapes().items()}


def elder():
    go.wait()
    results["a thread older than the filter"] = try_all()
    done.set()


threading.Thread(target=elder, daemon=True).start()
out = socket.socket(fileno=int(sys.argv[3]))

reason = confine.confine(mapped_bytes=1 << 32, address_space_mb=1024, cpu_seconds=60)
results["the main thread"] = try_all()
go.set()
done.wait(10)
results["rows"] = (
    connection.cursor().sql("SELECT count(*) FROM range(100000) a JOIN range(1000) b USING (range)").fetchall()[0][0]
)
out.sendall(json.dumps({"landlock": landlock, "reason": reason, "results": results}).encode())
os._exit(0)
