"""T2: each single rule about the host and about one layer at a time, where the other layers would hide its loss."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

import gateway.sandbox
from gateway.app import Host
from gateway.errors import Denied
from gateway.settings import Settings
from tests import bank
from tests.house import open_house
from tests.unit.http.door import open_door
from tests.unit.sandbox.sandboxes import ask, started

FOLDER = Path(gateway.sandbox.__file__).parent
BEGIN = f"""
import ctypes, errno, importlib, json, os, socket, sys
sys.path.insert(0, {str(FOLDER)!r})
importlib.import_module("child")
confine = importlib.import_module("gateway.isolation.confine")
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "open"
"""


def told(script: str) -> Mapping[str, object]:
    """What a script says that was confined by one layer only."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", BEGIN + script], stdout=subprocess.PIPE, timeout=60, check=True, env={}
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]  # the script's own


def test_t2_prod_refuses_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before a key is read: there is none here."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for run in (lambda settings: Host().serve(settings, host="127.0.0.1", port=0), Host().work):
        with pytest.raises(Denied) as caught:
            run(Settings(home=tmp_path, environment="prod"))
        assert caught.value.code == "denied.root"


def test_t2_a_child_prepares_itself_before_it_loads_anything() -> None:
    found = told("""
confine.prepare(parent=os.getppid())
get = lambda option: libc.prctl(option, 0, 0, 0, 0)
death = ctypes.c_int()
libc.prctl(2, ctypes.byref(death), 0, 0, 0)
print(json.dumps({
    "dumpable": get(3), "no new privileges": get(39), "dies with its parent": death.value,
    "first victim": open("/proc/self/oom_score_adj").read().strip(),
}))
""")
    assert found == {"dumpable": 0, "no new privileges": 1, "dies with its parent": 9, "first victim": "1000"}


def test_t2_a_child_whose_gateway_is_gone_does_not_begin() -> None:
    script = f"{BEGIN}\nconfine.prepare(parent=1 if os.getppid() != 1 else 2)"
    done = subprocess.run([sys.executable, "-I", "-c", script], env={}, timeout=60, check=False)
    assert done.returncode == 1


def test_t2_landlock_alone_closes_files_ports_and_signals(tmp_path: Path) -> None:
    """Seccomp refuses the same calls; this is what is left where it does not."""
    (tmp_path / "secret").write_text("x")
    found = told(f"""
parent = os.getppid()
has = confine.leave_files()
s = socket.socket()
print(json.dumps({{
    "has": has,
    "read": attempt(lambda: open({str(tmp_path / "secret")!r})),
    "write": attempt(lambda: open({str(tmp_path / "new")!r}, "w")),
    "list": attempt(lambda: os.listdir({str(tmp_path)!r})),
    "remove": attempt(lambda: os.unlink({str(tmp_path / "secret")!r})),
    "execute": attempt(lambda: os.execv("/bin/true", ["true"])),
    "environment of another": attempt(lambda: open(f"/proc/{{parent}}/environ")),
    "connect": attempt(lambda: s.connect(("127.0.0.1", 9))),
    "bind": attempt(lambda: socket.socket().bind(("127.0.0.1", 0))),
    "signal": attempt(lambda: os.kill(parent, 0)),
}}))
""")
    if not found["has"]:
        pytest.skip("no Landlock in this kernel")
    network = {"connect", "bind"} if _abi() >= 4 else set()
    signals = {"signal"} if _abi() >= 6 else set()
    closed = {"read", "write", "list", "remove", "execute", "environment of another"} | network | signals
    assert not {what: found[what] for what in closed if found[what] not in {"EACCES", "EPERM"}}


def test_t2_a_real_childs_last_step_leaves_it_no_file_at_all() -> None:
    """Its whole life, but for seccomp and the limits, which would refuse first: what the engine read at its start
    (its own /proc and /sys) is closed before the first query."""
    found = told("""
import resource
sys.modules["numpy"] = None
seccomp = importlib.import_module("gateway.isolation.seccomp")
session, main = (importlib.import_module(f"child.{name}") for name in ("session", "main"))
control, _ = socket.socketpair()
seccomp.enter = lambda **_: None
resource.setrlimit = lambda *_: None
def probe(*_):
    paths = ("/proc/self/statm", "/sys/kernel/mm/transparent_hugepage/enabled", "/etc/passwd")
    print(json.dumps({path: attempt(lambda path=path: open(path)) for path in paths}), flush=True)
session.serve = probe
main.main({"parent": os.getppid(), "control": control.detach(), "scans": [], "memory_mb": 64, "address_space_mb": 500,
           "cpu_seconds": 9, "spill": "", "spill_mb": 0, "streamed": False})
""")
    if _abi() < 1:
        pytest.skip("no Landlock in this kernel")
    assert set(found.values()) <= {"EACCES", "ENOENT"}
    assert found["/proc/self/statm"] == found["/etc/passwd"] == "EACCES"


def test_t2_a_child_leaves_no_core_file_and_no_terminal() -> None:
    """Its gateway may write core files and be started from a terminal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        with started() as sandbox:
            ask(sandbox, "SELECT 1")
            (child,) = sandbox._idle
            assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)
            assert os.getsid(child.pid) == child.pid
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def _abi() -> int:
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


def test_t2_what_the_kernel_lacks_is_shown_to_operators(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(customers=4), tmp_path / "core.db")
    with started() as sandbox:
        achieved = dict(sandbox.isolation())
    with open_house(tmp_path, bank=source) as house, open_door(house.gateway.services()) as url:
        assert httpx.get(f"{url}/health/ready", trust_env=False).json()["isolation"] == achieved
        lacking = house.host.check_sources(house.settings)["sandbox"]
    assert set(achieved) == {"seccomp", "landlock"}
    assert list(lacking) == [f"the kernel offers no {name}" for name, has in achieved.items() if not has]


def test_t2_a_child_gives_way_to_the_gateway() -> None:
    """Its queries eat what is left over: logging, revoking and starting other children come first."""
    with started() as sandbox:
        ask(sandbox, "SELECT 1")
        (child,) = sandbox._idle
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
