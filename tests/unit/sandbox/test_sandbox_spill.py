"""A child that spills: released rows that exceed its memory go to one folder, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import gateway.sandbox
from gateway import delivery
from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.running import Answer
from gateway.sandbox import Sandbox, Spill, process
from gateway.terms.streams import ReleasedStream
from tests import bank
from tests.house import House, open_house, request
from tests.unit.sandbox.sandboxes import SCHEMA, binding, started

FOLDER = Path(gateway.sandbox.__file__).parent
SCRIPT = Path(__file__).with_name("spill_escape.py")
REFUSALS = {"EPERM", "EACCES", "EMFILE", "ENOSYS", "EXDEV"}

ROWS = 1_500_000
SORT = "SELECT who, id FROM __scan_1 ORDER BY who, id DESC"
JOIN = "SELECT count(*) AS who, sum(a.id) AS id FROM __scan_1 a JOIN __scan_2 b ON a.id = b.id AND a.who = b.who"


def stream(count: int = ROWS) -> ReleasedStream:
    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, count, 50_000):
            ids = pa.array(range(start, start + 50_000), pa.int64())
            yield pa.record_batch([ids, pa.array([f"{n * 7919 % 104_729:040d}" for n in ids.to_pylist()])], SCHEMA)

    return ReleasedStream(SCHEMA, batches())


def spilled(
    sandbox: Sandbox, sql: str, spill: Spill | None, *, scans: int = 1, count: int = ROWS, materialized: bool = False
) -> int:
    """Rows of the answer."""
    streams = {f"__scan_{number + 1}": stream(count) for number in range(scans)}
    with sandbox.execute(
        sql,
        streams,
        binding=binding(),
        output_names=("who", "id"),
        materialized=frozenset(streams) if materialized else frozenset(),
        deadline=time.monotonic() + 120,
        spill=spill,
    ) as answer:
        return sum(batch.num_rows for batch in answer)


def room(folder: Path, *, max_mb: int = 2000, memory_mb: int = 64, streamed: bool = False) -> Spill:
    folder.mkdir(exist_ok=True)
    return Spill(folder=folder, max_mb=max_mb, memory_mb=memory_mb, cpu_seconds=100, streamed=streamed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "scans", "materialized"),
    [(SORT, 1, False), (SORT, 1, True), (JOIN, 2, False)],
    ids=["sort", "keep", "join"],
)
def test_what_exceeds_memory_is_answered_with_a_folder_and_not_without(
    tmp_path: Path, sql: str, scans: int, materialized: bool
) -> None:
    with started(memory_mb=64) as sandbox:
        rows = spilled(sandbox, sql, room(tmp_path / "s"), scans=scans, materialized=materialized)
        assert rows == (1 if scans == 2 else ROWS)
        with pytest.raises(Exhausted) as refused:
            spilled(sandbox, sql, None, scans=scans, materialized=materialized)
    assert refused.value.code == "exhausted.memory"


@pytest.mark.slow
def test_a_folder_never_grows_beyond_its_size(tmp_path: Path) -> None:
    sizes: list[int] = []
    done = threading.Event()

    def measure() -> None:
        while not done.wait(0.02):
            sizes.append(sum(path.stat().st_size for path in (tmp_path / "s").glob("*") if path.exists()))

    spill = room(tmp_path / "s", max_mb=20)
    watch = threading.Thread(target=measure)
    watch.start()
    with started() as sandbox, pytest.raises(Exhausted) as refused:
        spilled(sandbox, SORT, spill)
    done.set()
    watch.join()
    assert refused.value.code == "exhausted.memory"
    assert 0 < max(sizes) <= 20 << 20


def test_a_spilling_child_serves_one_query_and_is_gone(tmp_path: Path) -> None:
    with started() as sandbox:
        before = len(list(Path("/proc/self/fd").iterdir()))
        pids = set()
        for number in range(20):
            assert (
                spilled(sandbox, "SELECT who, id FROM __scan_1", room(tmp_path / str(number)), count=50_000) == 50_000
            )
            pids |= {child.pid for child in (*sandbox._busy, *sandbox._idle)}
        limit = time.monotonic() + 10
        while _children() > 1 + len(sandbox._idle) or len(list(Path("/proc/self/fd").iterdir())) > before:
            assert time.monotonic() < limit, (_children(), sandbox._idle)
            time.sleep(0.05)
        assert not pids, "none waits for a second query"


def _children() -> int:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    others = [task / "children" for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    return len(found) + sum(len(path.read_text().split()) for path in others if path.exists())


# --- the way out ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    if os.uname().machine != "x86_64":
        pytest.skip("the probe's system call numbers are those of x86_64")
    root = tmp_path_factory.mktemp("spill")
    (root / "neighbour").mkdir()
    (root / "neighbour" / "rows").write_text("another job's")
    (root / "own").mkdir()
    (root / "own" / "link").symlink_to("/etc/passwd")
    own, theirs = socket.socketpair()
    with own, theirs:
        arguments = [str(FOLDER), str(os.getpid()), str(theirs.fileno()), str(root / "own")]
        command = [sys.executable, "-I", str(SCRIPT), *arguments]
        done = subprocess.run(
            command, env={}, cwd="/", pass_fds=[theirs.fileno()], timeout=60, check=False, stderr=subprocess.PIPE
        )
        assert done.returncode == 0, done.stderr
        theirs.close()
        told: dict[str, object] = json.loads(own.recv(1 << 20, socket.MSG_WAITALL))
    if not told["landlock"]:
        pytest.skip("this kernel has no Landlock: no child of it spills")
    assert told["reason"] == ""
    assert (root / "neighbour" / "rows").read_text() == "another job's"
    assert {path.name for path in root.iterdir()} == {"neighbour", "own"}
    return told["results"]  # type: ignore[return-value]  # the script's own


def test_t2_a_spilling_child_reaches_nothing_but_its_folder(outcome: Mapping[str, Mapping[str, str]]) -> None:
    assert len(outcome["escapes"]) > 30
    assert not {name: result for name, result in outcome["escapes"].items() if result not in REFUSALS}


def test_t2_its_folder_it_does_reach(outcome: Mapping[str, Mapping[str, str]]) -> None:
    """Without this the test above could refuse everything to everybody."""
    assert set(outcome["allowed"].values()) == {"open"}
    assert outcome["rows"] == 1000


def test_t2_no_file_of_it_grows_beyond_the_folders_size(outcome: Mapping[str, object]) -> None:
    assert outcome["large"] == ["EFBIG", 8 << 20]


@pytest.fixture
def without_landlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real child on a kernel that answers as one without Landlock does."""
    own, gateway = tmp_path / "gateway", process.CHILD_FOLDER.parents[1]
    for part in ("isolation", "sandbox/child"):
        shutil.copytree(gateway / part, own / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(gateway / "__init__.py", own)
    confine = own / "isolation" / "confine.py"
    text = confine.read_text()
    assert "if abi < 1:" in text
    confine.write_text(text.replace("if abi < 1:", "if abi < 100:"))
    monkeypatch.setattr(process, "CHILD_FOLDER", own / "sandbox" / "child")


@pytest.mark.usefixtures("without_landlock")
def test_t2_without_landlock_nothing_is_spilled(tmp_path: Path) -> None:
    with started() as sandbox:
        with pytest.raises(Unavailable) as refused:
            spilled(sandbox, "SELECT who, id FROM __scan_1", room(tmp_path / "s"), count=50_000)
        assert refused.value.code == "unavailable.isolation"
        assert "landlock" in refused.value.message
        assert spilled(sandbox, "SELECT who, id FROM __scan_1", None, count=50_000) == 50_000, "seccomp suffices here"


@pytest.mark.usefixtures("without_landlock")
def test_t2_unless_the_operator_accepts_it(tmp_path: Path) -> None:
    with started(kernel_isolation="accept_none") as sandbox:
        assert spilled(sandbox, "SELECT who, id FROM __scan_1", room(tmp_path / "s"), count=50_000) == 50_000


# --- what is left behind ----------------------------------------------------------------------------------------------

LONG = "SELECT a.customer_id, b.amount FROM core.transactions a, core.transactions b, core.transactions c"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("house")
    with open_house(root, bank=bank.write(bank.first_world(), root / "core.db")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ana(house: House) -> str:
    return house.token("ana", bank.ANA[0])


def extract(house: House, token: str, sql: str, folder: Path) -> Answer:
    folder.mkdir()
    return house.enforcement.answer(
        request(token, sql, purpose=bank.ANA[1]),
        format="dataset",
        into=delivery.Folder(path=folder, subject="customer_id"),
    )


def _wait_until_gone(sandbox: Sandbox) -> None:
    limit = time.monotonic() + 10
    while any(child.served and child.is_alive for child in (*sandbox._busy, *sandbox._gone)):
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize("end", ["cancel", "kill -9", "another thread"])
def test_what_ends_in_the_middle_leaves_no_row_behind(house: House, ana: str, tmp_path: Path, end: str) -> None:
    answer = extract(house, ana, LONG, tmp_path / "v")
    assert json.loads(next(answer.body)) == {"rows": pytest.approx(100_000, abs=70_000)}
    assert {path.name for path in (tmp_path / "v").iterdir()} == {".spill", ".rows"}
    (child,) = (child for child in house.gateway.sandbox._busy if child.served)
    match end:
        case "cancel":
            answer.body.close()
        case "kill -9":
            os.kill(child.pid, 9)
            with pytest.raises(GatewayError), answer.body as body:
                list(body)
        case "another thread":
            failed: list[GatewayError] = []
            reader = threading.Thread(target=_read_on, args=(answer, failed))
            reader.start()
            answer.body.close()
            reader.join(20)
            assert not reader.is_alive()
    _wait_until_gone(house.gateway.sandbox)
    assert not list((tmp_path / "v").iterdir())


def _read_on(answer: Answer, failed: list[GatewayError]) -> None:
    try:
        for _ in answer.body:
            pass
    except GatewayError as error:
        failed.append(error)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT customer_id, amount FROM core.transactions", ""),
        ("SELECT customer_id, CAST(category AS integer) AS n FROM core.transactions", "invalid.execution"),
    ],
    ids=["ok", "error"],
)
def test_what_ends_by_itself_leaves_files_or_nothing(
    house: House, ana: str, tmp_path: Path, sql: str, code: str
) -> None:
    answer = extract(house, ana, sql, tmp_path / "v")
    with answer.body as body:
        if code:
            with pytest.raises(GatewayError) as failed:
                list(body)
            assert failed.value.code == code
        else:
            list(body)
            body.finish()
    assert [path.name for path in (tmp_path / "v").iterdir()] == ([] if code else ["bucket-00.parquet"])


def test_an_answer_that_is_never_begun_makes_no_folder(house: House, ana: str, tmp_path: Path) -> None:
    extract(house, ana, LONG, tmp_path / "v").body.close()
    assert not list((tmp_path / "v").iterdir())
