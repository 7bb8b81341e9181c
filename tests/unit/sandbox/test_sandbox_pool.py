"""Who gets which child, for how long, and what is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.sandbox import Sandbox
from gateway.sandbox.process import Child
from tests.unit.sandbox.sandboxes import ask, binding, limits, scan, started

ENDLESS = "SELECT count(*) FROM range(9999) a, range(9999) b, range(9999) c WHERE a.range * b.range < c.range"


def children_of(sandbox: Sandbox) -> list[Child]:
    return [*sandbox._warm, *sandbox._idle, *sandbox._busy]


def wait_until(condition: object, *, seconds: float = 10.0) -> None:
    assert callable(condition)
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.01)


def idle_pids(sandbox: Sandbox) -> set[int]:
    return {child.pid for child in sandbox._idle}


def test_one_binding_keeps_its_child_and_another_never_gets_it() -> None:
    with started() as sandbox:
        ask(sandbox, "SELECT 1")
        first = idle_pids(sandbox)
        ask(sandbox, "SELECT 1")
        assert idle_pids(sandbox) == first
        for other in (binding("bert"), binding(purpose="q"), binding(grants=("g", "h"))):
            ask(sandbox, "SELECT 1", by=other)
            assert all(child.binding in {other, *(c.binding for c in sandbox._idle)} for child in sandbox._idle)
            assert not {c.pid for c in sandbox._idle if c.binding == other} & first


def test_a_new_policy_ends_the_children_of_the_old_one() -> None:
    """Nobody will ask under the old one again, and what they hold was decided by it."""
    with started() as sandbox:
        for name in ("anna", "bert"):
            ask(sandbox, "SELECT 1", by=binding(name))
        old = list(sandbox._idle)
        assert len(old) == 2
        ask(sandbox, "SELECT 1", by=binding("anna", digest="e" * 64))
        wait_until(lambda: not any(child.is_alive for child in old))
        assert [child.binding for child in sandbox._idle] == [binding("anna", digest="e" * 64)]


def test_one_principals_waiting_queries_keep_nobody_else_from_the_next_child() -> None:
    """Three eaters run, three more of theirs wait: who asks once is next, though he came last."""
    with ThreadPoolExecutor(9) as pool, started(max_children=3, warm_children=1) as sandbox:
        running = [pool.submit(ask, sandbox, ENDLESS, by=binding("eater"), seconds=60) for _ in range(3)]
        wait_until(lambda: len(sandbox._busy) == 3)
        waiting = [pool.submit(ask, sandbox, ENDLESS, by=binding("eater"), seconds=60) for _ in range(3)]
        wait_until(lambda: len(sandbox._waiting) == 3)
        other = pool.submit(ask, sandbox, "SELECT 1", by=binding("other"), seconds=10)
        wait_until(lambda: len(sandbox._waiting) == 4)
        next(iter(sandbox._busy)).kill("time")
        assert other.result().num_rows == 1
        assert len(sandbox._waiting) > 0, "those who came before still wait"
        sandbox.close()
        for each in (*running, *waiting):
            with pytest.raises(GatewayError):
                each.result()


def test_a_child_is_replaced_after_its_number_of_queries() -> None:
    with started(queries_per_child=2) as sandbox:
        ask(sandbox, "SELECT 1")
        first = idle_pids(sandbox)
        ask(sandbox, "SELECT 1")
        assert not idle_pids(sandbox)
        ask(sandbox, "SELECT 1")
        assert idle_pids(sandbox)
        assert not idle_pids(sandbox) & first


def test_an_idle_child_dies_after_its_time() -> None:
    with started(idle_seconds=0.2) as sandbox:
        ask(sandbox, "SELECT 1")
        (child,) = sandbox._idle
        wait_until(lambda: not child.is_alive)
        wait_until(lambda: not sandbox._idle)


def test_a_child_dies_after_an_error() -> None:
    with started() as sandbox:
        ask(sandbox, "SELECT 1")
        (child,) = sandbox._idle
        with pytest.raises(GatewayError):
            ask(sandbox, "SELECT 'a'::INT")
        wait_until(lambda: not child.is_alive)
        assert not sandbox._idle
        assert ask(sandbox, "SELECT 1").num_rows == 1


def test_drop_kills_the_principals_idle_children_only() -> None:
    with started() as sandbox:
        ask(sandbox, "SELECT 1", by=binding("anna"))
        ask(sandbox, "SELECT 1", by=binding("bert"))
        (anna,) = (child for child in sandbox._idle if child.binding == binding("anna"))
        sandbox.drop("anna")
        wait_until(lambda: not anna.is_alive and len(sandbox._idle) == 1)
        assert ask(sandbox, "SELECT 1", by=binding("anna")).num_rows == 1


def test_a_full_pool_gives_up_the_child_that_waited_longest() -> None:
    with started(max_children=2) as sandbox:
        for name in ("a", "b", "c", "a"):
            assert ask(sandbox, "SELECT 1", by=binding(name)).num_rows == 1
            assert len(children_of(sandbox)) <= 2


def test_a_pool_full_of_running_queries_lets_the_next_wait_and_then_says_so() -> None:
    with started(max_children=1) as sandbox:
        running = sandbox.execute(
            "SELECT 1",
            {},
            binding=binding("a"),
            output_names=("x",),
            materialized=frozenset(),
            deadline=time.monotonic() + 20,
        )
        with pytest.raises(Exhausted) as caught:
            ask(sandbox, "SELECT 1", by=binding("b"), seconds=0.2)
        assert caught.value.code == "exhausted.busy"
        threading.Timer(0.2, lambda: list(running) and running.close()).start()
        assert ask(sandbox, "SELECT 1", by=binding("b")).num_rows == 1


def test_many_principals_at_once_are_all_served() -> None:
    with started(warm_children=2) as sandbox:
        counts: dict[str, int] = {}

        def work(name: str) -> None:
            for _ in range(3):
                table = ask(sandbox, "SELECT count(*) FROM __scan_1", scan(5_000), by=binding(name))
                counts[name] = counts.get(name, 0) + table["x"][0].as_py()

        threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == {f"p{i}": 15_000 for i in range(5)}


def test_a_warm_child_that_died_is_not_used() -> None:
    with started() as sandbox:
        (warm,) = sandbox._warm
        os.kill(warm.pid, 9)
        wait_until(lambda: not warm.is_alive)
        assert ask(sandbox, "SELECT 1").num_rows == 1


def test_an_idle_child_that_died_is_not_used() -> None:
    with started() as sandbox:
        ask(sandbox, "SELECT 1")
        (idle,) = sandbox._idle
        os.kill(idle.pid, 9)
        wait_until(lambda: not idle.is_alive)
        assert ask(sandbox, "SELECT 1").num_rows == 1


def test_closing_leaves_no_process() -> None:
    with started() as sandbox:
        ask(sandbox, "SELECT 1")
        wait_until(lambda: len(children_of(sandbox)) == 2)
        pids = [child.pid for child in children_of(sandbox)]
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    with pytest.raises(Unavailable):
        ask(sandbox, "SELECT 1")


def test_closing_ends_a_running_query() -> None:
    with started() as sandbox:
        threading.Timer(0.3, sandbox.close).start()
        with pytest.raises(Unavailable) as caught:
            ask(sandbox, "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))")
        assert caught.value.code == "unavailable.stopping"


def test_an_interpreter_that_is_none_fails_the_start(tmp_path: Path) -> None:
    for python in (str(tmp_path / "nothing"), "/bin/false"):
        with pytest.raises(Unavailable) as caught:
            Sandbox(limits(), python=python).start()
        assert caught.value.code == "unavailable.sandbox"


NO_SECCOMP = '{"seccomp": false, "landlock": true, "reason": "Function not implemented (errno 38)"}'


def fake_python(folder: Path, report: str) -> str:
    """A child that reports this and waits."""
    script = folder / "python"
    script.write_text(
        f"#!{sys.executable}\nimport json, socket, struct, sys\n"
        "spec = json.loads(sys.argv[-1])\ncontrol = socket.socket(fileno=spec['control'])\n"
        f"report = {report!r}.encode()\n"
        "control.sendall(struct.pack('>BI', 1, len(report)) + report)\ncontrol.recv(1)\n"
    )
    script.chmod(0o700)
    return str(script)


def test_an_interpreter_that_vanishes_is_told_to_who_waits(tmp_path: Path) -> None:
    sandbox = Sandbox(limits(kernel_isolation="accept_none"), python=fake_python(tmp_path, NO_SECCOMP))
    sandbox.start()
    (tmp_path / "python").unlink()
    (warm,) = sandbox._warm
    os.kill(warm.pid, 9)
    wait_until(lambda: not warm.is_alive)
    begin = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        ask(sandbox, "SELECT 1")
    assert "could not be started" in caught.value.message
    assert time.monotonic() - begin < 5
    sandbox.close()


def test_without_seccomp_nothing_is_served(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        Sandbox(limits(), python=fake_python(tmp_path, NO_SECCOMP)).start()
    assert caught.value.code == "unavailable.isolation"
    assert "errno 38" in caught.value.message
    assert "accept_none" in caught.value.fix


def test_without_seccomp_the_operator_may_accept_it(tmp_path: Path) -> None:
    sandbox = Sandbox(limits(kernel_isolation="accept_none"), python=fake_python(tmp_path, NO_SECCOMP))
    sandbox.start()
    assert sandbox.isolation() == {"seccomp": False, "landlock": True}
    sandbox.close()


@pytest.mark.parametrize("report", ["[]", "nonsense", "\\xff"])
def test_a_child_with_an_unreadable_report_is_not_used(tmp_path: Path, report: str) -> None:
    with pytest.raises(Unavailable):
        Sandbox(limits(kernel_isolation="accept_none"), python=fake_python(tmp_path, report)).start()


def test_isolation_is_what_a_real_child_achieved() -> None:
    with started() as sandbox:
        assert sandbox.isolation()["seccomp"]


def test_the_memory_of_this_process_can_be_protected() -> None:
    check = (
        "import ctypes; from gateway.sandbox import protect_memory; "
        "protect_memory(); raise SystemExit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
