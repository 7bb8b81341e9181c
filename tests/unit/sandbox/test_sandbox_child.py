"""The child's own modules where they can be looked at: the filter as arithmetic, the session on a thread."""

from __future__ import annotations

import ast
import errno
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gateway import isolation
from gateway.isolation import confine, seccomp
from gateway.isolation import frames as isolation_frames
from gateway.isolation.frames import Channel
from gateway.isolation.wire import Malformed
from gateway.sandbox import wire
from gateway.sandbox.child import frames, lock, session

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, NO_CALL = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CHILD = Path(session.__file__).parent


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None, timer: bool = False) -> int:
    """Run the filter, as the kernel's interpreter would."""
    memory = {0: number, 4: ARCH[machine] if arch is None else arch}
    memory |= {16 + 8 * i: value for i, value in enumerate((*arguments, 0, 0, 0))}
    steps, position, register = seccomp.program(machine, timer=timer), 0, 0
    while True:
        code, if_true, if_false, operand = steps[position]
        position += 1
        if code == 0x20:
            register = memory[operand]
        elif code == 0x15:
            position += if_true if register == operand else if_false
        elif code == 0x45:
            position += if_true if register & operand else if_false
        else:
            assert code == 0x06
            return operand


def test_what_computing_needs_is_allowed() -> None:
    for name, (x86, arm) in seccomp._PLAIN.items():
        assert verdict("x86_64", x86) == ALLOW, name
        assert arm is None or verdict("aarch64", arm) == ALLOW, name


FORBIDDEN = {
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "memfd_create": (319, 279),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "prlimit64": (302, 261),
    "setrlimit": (160, 164),
    "ioctl": (16, 29),
    "dup": (32, 23),
    "recvmsg": (47, 212),
    "sendmsg": (46, 211),
    "pkey_mprotect": (329, 288),
    "seccomp": (317, 277),
    "chroot": (161, 51),
    "setuid": (105, 146),
    "capset": (126, 91),
    "memfd_secret": (447, 447),
    "mq_open": (240, 180),
    "kcmp": (312, 272),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_leads_outside_is_refused(name: str) -> None:
    x86, arm = FORBIDDEN[name]
    assert verdict("x86_64", x86) == REFUSE
    assert arm is None or verdict("aarch64", arm) == REFUSE


def test_every_number_is_refused_unless_it_is_on_the_list() -> None:
    for column, machine in enumerate(("x86_64", "aarch64")):
        listed = {pair[column] for pair in seccomp._PLAIN.values()}
        special = {
            pair[column] for pair in (seccomp._CLONE, seccomp._CLONE3, seccomp._MMAP, seccomp._MPROTECT, seccomp._PRCTL)
        }
        for number in {*range(600), 0x40000000, 0x40000001, 2**32 - 1} - special:
            assert verdict(machine, number) == (ALLOW if number in listed else REFUSE)


@pytest.mark.parametrize("machine", ARCH)
def test_arguments_decide_where_a_call_has_two_faces(machine: str) -> None:
    column = list(ARCH).index(machine)
    for call in (seccomp._MMAP, seccomp._MPROTECT):
        assert verdict(machine, call[column], 0, 4096, 3) == ALLOW
        assert verdict(machine, call[column], 0, 4096, 5) == REFUSE
    assert verdict(machine, seccomp._PRCTL[column], 15) == ALLOW
    assert verdict(machine, seccomp._PRCTL[column], 4) == REFUSE
    thread = 0x003D0F00
    assert verdict(machine, seccomp._CLONE[column], thread) == ALLOW
    assert verdict(machine, seccomp._CLONE[column], 17) == REFUSE
    assert verdict(machine, seccomp._CLONE[column], thread | 0x10000000) == REFUSE
    assert verdict(machine, seccomp._CLONE3[column]) == NO_CALL


@pytest.mark.parametrize("machine", ARCH)
def test_an_alarm_is_for_children_that_bound_themselves(machine: str) -> None:
    number = seccomp._TIMER["setitimer"][list(ARCH).index(machine)]
    assert (verdict(machine, number), verdict(machine, number, timer=True)) == (REFUSE, ALLOW)
    assert verdict(machine, 321 if machine == "x86_64" else 280, timer=True) == REFUSE  # the rest stays as it is


@pytest.mark.parametrize("machine", ARCH)
def test_another_architecture_s_numbers_kill(machine: str) -> None:
    assert verdict(machine, 0, arch=0x40000003) == KILL  # i386 by int 0x80


def test_an_unknown_machine_is_not_taken_for_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    with pytest.raises(seccomp.Refused):
        seccomp.enter()


def test_the_child_imports_nothing_of_the_gateway_but_how_to_give_up_its_rights() -> None:
    allowed = {*sys.stdlib_module_names, "duckdb", "pyarrow"}
    theirs = [Path(module.__file__) for module in (confine, isolation_frames, isolation, seccomp)]
    for path in (*CHILD.glob("*.py"), *theirs):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            names = [name for name in names if name not in {"gateway.isolation", "gateway.isolation.frames"}]
            assert all(name.partition(".")[0] in allowed for name in names), path


def test_two_statuses_never_share_a_place() -> None:
    assert len(set(frames.STATUSES)) == len(frames.STATUSES)


class Peer:
    """The gateway's end of a session that runs on a thread."""

    def __init__(self) -> None:
        own, theirs = zip(*(socket.socketpair() for _ in range(3)), strict=True)
        self.control, *self.scans = (wire.Channel(end) for end in own)
        channels = [Channel(end.detach()) for end in theirs]
        self._connection = lock.locked(memory_mb=256)
        session.rehearse(self._connection)
        self.thread = threading.Thread(target=session.serve, args=(self._connection, channels[0], channels[1:]))
        self.thread.start()
        self._channels = channels

    def ask(self, sql: str, *scans: tuple[str, bool]) -> None:
        self.control.write(frames.QUERY, json.dumps({"sql": sql, "scans": scans, "batch_rows": 16_384}).encode())

    def feed(self, index: int, batch: pa.RecordBatch, *, times: int = 1) -> None:
        self.scans[index].write(frames.SCHEMA, batch.schema.serialize())
        for _ in range(times):
            self.scans[index].write(frames.BATCH, batch.serialize())
        self.scans[index].write(frames.END, b"")

    def answer(self) -> tuple[list[int], wire.Trailer]:
        kinds = []
        while True:
            kind, payload = self.control.read()
            kinds.append(kind)
            if kind == frames.TRAILER:
                return kinds, wire.trailer(payload)

    def close(self) -> None:
        for channel in (self.control, *self.scans):
            channel.close()
        self.thread.join(5)
        assert not self.thread.is_alive()
        for own in self._channels:
            own._socket.close()
        self._connection.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


BATCH = pa.record_batch({"id": pa.array([1, 2, 3])})


def test_a_session_answers_one_query_after_the_other(peer: Peer) -> None:
    for whole in (False, True, False):
        peer.ask("SELECT id FROM s JOIN t USING (id)", ("s", whole), ("t", False))
        peer.feed(0, BATCH)
        peer.feed(1, BATCH)
        kinds, trailer = peer.answer()
        assert (kinds, trailer.status, trailer.rows) == ([frames.SCHEMA, frames.BATCH, frames.TRAILER], "ok", 3)


def test_nothing_of_a_query_is_left_for_the_next(peer: Peer) -> None:
    peer.ask("SELECT id FROM s", ("s", True))
    peer.feed(0, BATCH)
    assert peer.answer()[1].status == "ok"
    sql = (
        "(SELECT count(*) FROM duckdb_tables()) + (SELECT count(*) FROM duckdb_views() WHERE NOT internal)"
        " + (SELECT count(*) FROM duckdb_variables())"
    )
    peer.ask(f"SELECT error('left') FROM (SELECT {sql} AS n) WHERE n > 0")
    assert peer.answer()[1].status == "ok"


def test_what_a_query_did_not_read_is_drained(peer: Peer) -> None:
    for _ in range(2):
        peer.ask("SELECT 1", ("s", False))
        peer.feed(0, BATCH, times=50)
        assert peer.answer()[1].status == "ok"


def test_a_wide_answer_is_cut_by_rows(peer: Peer) -> None:
    peer.ask("SELECT repeat('x', 4000000) FROM range(16)")
    kinds, trailer = peer.answer()
    assert (trailer.status, trailer.rows) == ("ok", 16)
    assert kinds.count(frames.BATCH) == 4


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("SELECT 'a'::INT", "conversion"),
        ("SELECT 2147483647::INT + 1::INT", "range"),
        ("SELECT 1 / 0", "division"),
        ("SELECT regexp_matches('a', '(')", "input"),
        ("SELECT id + [1] FROM s", "types"),
        ("SELECT array_agg(range) FROM range(100000000)", "memory"),
        ("SELECT repeat('x', 90000000)", "wide_row"),
        ("SELECT nosuch()", "engine"),
        ("SELECT 1; SELECT 2", "statement"),
        ("SET VARIABLE a = 1", "statement"),
        ("", "statement"),
    ],
)
def test_an_error_ends_the_session_with_its_status(peer: Peer, sql: str, status: str) -> None:
    peer.ask(sql, ("s", False))
    peer.feed(0, BATCH)
    assert peer.answer()[1].status == status
    peer.thread.join(5)
    assert not peer.thread.is_alive()


def test_a_stream_whose_name_is_none_is_not_kept(peer: Peer) -> None:
    peer.ask("SELECT 1", ('a" AS SELECT 1; --', True))
    peer.feed(0, BATCH)
    assert peer.answer()[1].status == "statement"


def test_a_stream_that_is_cut_never_makes_an_answer(peer: Peer) -> None:
    peer.ask("SELECT count(*) FROM s", ("s", False))
    peer.scans[0].write(frames.SCHEMA, BATCH.schema.serialize())
    peer.scans[0].write(frames.BATCH, BATCH.serialize())
    peer.scans[0].close()
    assert peer.answer()[1].status != "ok"


@pytest.mark.parametrize("payload", [b"", bytes(40), bytes(42), b"\xff" * 41])
def test_a_trailer_that_is_none_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        wire.trailer(payload)
