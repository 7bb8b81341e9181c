"""A seccomp allow-list: what a child needs to compute over sockets that it already has, and nothing else.

Not on it (but for files, where a child spills, and a timer, where it bounds itself), and so
refused with EPERM on every thread: open*, socket, connect, execve, fork, ptrace, process_vm_*,
kill and tgkill, shared memory, memfd, pidfd, io_uring, bpf, userfaultfd, prlimit, unshare, mount, keyctl, ioctl.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000
_RET_KILL_PROCESS = 0x80000000
_LOAD, _JEQ, _JSET, _RET = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""
_PROT_EXEC = 4
_PR_SET_NAME = 15
_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1

_ARCHITECTURES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
"""AUDIT_ARCH value and the number of seccomp(2)."""
_COLUMNS = ("x86_64", "aarch64")
_PLAIN = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "close": (3, 57),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "shutdown": (48, 210),
    "poll": (7, None),
    "ppoll": (271, 73),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "membarrier": (324, 283),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "restart_syscall": (219, 128),
}
_FILES = {
    "open": (2, None),
    "openat": (257, 56),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "stat": (4, None),
    "lstat": (6, None),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "flock": (73, 32),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "getdents64": (217, 61),
}
"""Of a child that spills; Landlock keeps them to one folder."""
_TIMER = {"setitimer": (38, 103)}
"""Of a child that ends its own slow pieces of work: its alarm reaches nobody else."""
_FCNTL = (72, 25)
_FCNTL_COMMANDS = (1, 2, 3, 5, 6, 7)
"""F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_SETLKW. Not F_SETFL, F_SETOWN and F_SETSIG: with them the kernel sends
a signal of the child's choice to the gateway whenever a socket moves."""
_CLONE, _CLONE3, _MMAP, _MPROTECT, _PRCTL = (56, 220), (435, 435), (9, 222), (10, 226), (157, 167)


class Refused(OSError):
    """The kernel did not take the filter."""


def program(machine: str, *, files: bool = False, timer: bool = False) -> list[tuple[int, int, int, int]]:
    """The filter as BPF instructions (code, jump if true, jump if false, operand).

    Raises:
        KeyError: not x86_64 or aarch64.
    """
    arch, _ = _ARCHITECTURES[machine]
    column = _COLUMNS.index(machine)
    allow, refuse = (_RET, 0, 0, _RET_ALLOW), (_RET, 0, 0, _RET_ERRNO | errno.EPERM)
    steps = [(_LOAD, 0, 0, _ARCH), (_JEQ, 1, 0, arch), (_RET, 0, 0, _RET_KILL_PROCESS), (_LOAD, 0, 0, _NUMBER)]
    for numbers in (*_PLAIN.values(), *(_FILES.values() if files else ()), *(_TIMER.values() if timer else ())):
        if (number := numbers[column]) is not None:
            steps += [(_JEQ, 0, 1, number), allow]
    if files:
        count = len(_FCNTL_COMMANDS)
        steps += [(_JEQ, 0, count + 3, _FCNTL[column]), _argument(1)]
        steps += [(_JEQ, count - place, 0, command) for place, command in enumerate(_FCNTL_COMMANDS)]
        steps += [refuse, allow]
    for pair in (_MMAP, _MPROTECT):  # new machine code needs executable pages
        steps += [(_JEQ, 0, 4, pair[column]), _argument(2), (_JSET, 1, 0, _PROT_EXEC), allow, refuse]
    steps += [(_JEQ, 0, 4, _PRCTL[column]), _argument(0), (_JEQ, 0, 1, _PR_SET_NAME), allow, refuse]
    steps += [(_JEQ, 0, 5, _CLONE[column]), _argument(0), (_JSET, 0, 2, _CLONE_THREAD)]
    steps += [(_JSET, 1, 0, _CLONE_NAMESPACES), allow, refuse]
    # NOTE: a filter cannot look into clone3's struct; on ENOSYS the C library falls back to clone.
    steps += [(_JEQ, 0, 1, _CLONE3[column]), (_RET, 0, 0, _RET_ERRNO | errno.ENOSYS), refuse]
    return steps


def enter(*, files: bool = False, timer: bool = False) -> None:
    """Put the filter on every thread of this process, for good. MUST come after no_new_privs.

    Args:
        files: also allow what spilling needs; Landlock MUST then keep this process to one folder.
        timer: also allow an alarm of its own.

    Raises:
        Refused: no filter for this machine, or the kernel refused (its errno) on any thread.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise Refused(errno.ENOSYS, "no filter for this machine")
    steps = program(machine, files=files, timer=timer)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    filter_ = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(
        ctypes.c_long(_ARCHITECTURES[machine][1]),
        ctypes.c_ulong(_SET_MODE_FILTER),
        ctypes.c_ulong(_FLAG_TSYNC),
        ctypes.c_char_p(filter_),
    )
    if result != 0:  # above zero: the id of a thread that could not be synchronized
        raise Refused(ctypes.get_errno() if result < 0 else errno.ESRCH, "seccomp was refused")


def _argument(index: int) -> tuple[int, int, int, int]:
    """Load the low 32 bits of an argument; both machines are little endian."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)
