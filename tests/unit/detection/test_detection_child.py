"""The worker's own modules where they can be looked at: the alarm, chunks, lists of names."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.detection import answers, questions
from gateway.detection.child import alarm, serve, tables, texts
from gateway.detection.child.frames import CHUNK_CHARACTERS, CHUNK_NOTES, KEPT_LISTS
from gateway.terms.recognition import ColumnVerdict, Found, NameList, Note, SampledColumn, SampledTable, Span

CHILD = Path(serve.__file__).parent
ROOT = Path(__file__).parents[3]


class Scripted:
    """Reads a text as the text says: slowly, wrongly, or well."""

    alarm: alarm.Alarm

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        self.sizes.append(len(notes))
        return [self._read(note) for note in notes]

    def _read(self, note: Note) -> Found:
        if note.text == "slow":
            re.match(r"(a+)+$", "a" * 40 + "b")  # some hours
        if note.text == "catching":
            for _ in range(10**9):
                try:
                    sum(range(100_000))
                except Exception:  # noqa: BLE001 - as a library might
                    return Found()
        if note.text == "working":
            _work(0.03)
        if note.text == "modelled":
            self.alarm.extend(0.1)
            _work(0.08)
        if note.text == "broken":
            raise ValueError(note.text)
        return Found(spans=(Span(start=0, end=1, kind="person", same_as=1),), language="en")


def _work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1_000))


@pytest.fixture
def reader() -> Iterator[tuple[texts.Reader, Scripted]]:
    import signal

    before = signal.getsignal(signal.SIGPROF)
    scripted = Scripted()
    scripted.alarm = alarm.Alarm(seconds=0.05)
    yield texts.Reader(scripted, scripted.alarm), scripted  # type: ignore[arg-type]  # of the same shape
    signal.signal(signal.SIGPROF, before)


def read(reader: texts.Reader, *said: str, alone: bool = False) -> list[str]:
    """How each text went."""
    notes = [Note(text=text) for text in said]
    outcomes: list[str] = []
    for payload in reader.answers(notes, names=None, is_strict=False, alone=alone):
        found = answers.found(pa.py_buffer(payload), notes=notes[len(outcomes) :])
        outcomes += [outcome for outcome, _ in found]
    return outcomes


@pytest.mark.parametrize(("bad", "outcome"), [("slow", "slow"), ("catching", "slow"), ("broken", "failed")])
def test_a_text_that_cannot_be_read_costs_itself_alone(
    bad: str, outcome: str, reader: tuple[texts.Reader, Scripted]
) -> None:
    said = ["x"] * 40
    said[7] = said[39] = bad
    assert read(reader[0], *said) == [outcome if text == bad else "read" for text in said]


def test_texts_are_read_in_chunks_of_bounded_size(reader: tuple[texts.Reader, Scripted]) -> None:
    read(reader[0], *["x"] * (CHUNK_NOTES + 1))
    read(reader[0], "x" * CHUNK_CHARACTERS, "y", "x" * 30_000, "y", "y")
    assert reader[1].sizes == [CHUNK_NOTES, 1, 1, 1, 1, 2]


def test_texts_are_read_one_by_one_where_one_ended_a_worker(reader: tuple[texts.Reader, Scripted]) -> None:
    read(reader[0], "x", "y", "z", alone=True)
    assert reader[1].sizes == [1, 1, 1]


def test_the_alarm_is_still_after_its_piece_of_work(reader: tuple[texts.Reader, Scripted]) -> None:
    assert read(reader[0], "slow") == ["slow"]
    assert sum(number % 7 for number in range(2_000_000)) > 0  # more than the alarm's time


def test_a_model_gets_time_by_what_it_reads(reader: tuple[texts.Reader, Scripted]) -> None:
    assert read(reader[0], "modelled") == ["read"]
    reader[1].alarm.extend(0.001)  # nothing is in hand: nothing rings
    assert read(reader[0], "slow") == ["slow"]


def test_chunks_that_were_too_large_grow_again(reader: tuple[texts.Reader, Scripted]) -> None:
    assert read(reader[0], *["working"] * 4) == ["read"] * 4
    assert reader[1].sizes == [4, 1, 1, 1, 1]
    read(reader[0], *["x"] * 2 * texts.GROW_AFTER, "x", "x", "x")
    assert reader[1].sizes[5:] == [2] * texts.GROW_AFTER + [3]


def test_the_lists_of_names_that_both_sides_count() -> None:
    lists = serve.Lists()
    for number in range(KEPT_LISTS + 1):
        lists.take(str(number), ["anna"], is_last=False)
        lists.take(str(number), [str(number)], is_last=True)
        if number == 1:
            assert lists.of("0") == NameList(id="0", parts=frozenset({"anna", "0"}))
    assert lists.of(None) is None
    assert lists.of("0") is not None, "it was used after the next one came"
    with pytest.raises(KeyError):
        lists.of("1")


def test_a_table_comes_to_the_worker_as_it_was() -> None:
    table = SampledTable(
        name="core.t",
        row_estimate=7,
        columns=(
            SampledColumn(name="a", type=pa.decimal128(12, 2), values=("1.20", None), comment="ü", is_key=True),
            SampledColumn(name="a", type=pa.timestamp("us", "UTC"), values=(), references="core.x.id"),
        ),
    )
    assert tables.read(questions.classify(table)) == table


def test_a_huge_table_is_sent_by_the_beginnings_of_its_values() -> None:
    column = SampledColumn(name="a", type=pa.string(), values=("x" * 1_000_000,) * 100)
    payload = questions.classify(SampledTable(name="t", columns=(column,)))
    assert len(payload) < 64 << 20
    assert set(tables.read(payload).columns[0].values) == {"x" * (questions.MAX_TABLE_CHARACTERS // 100)}


def test_a_table_that_breaks_what_reads_it_has_no_verdict() -> None:
    def breaking(_: SampledTable) -> list[ColumnVerdict]:
        raise ValueError

    table = SampledTable(name="t", columns=())
    assert tables.answer(table, breaking) == b"null"


def test_a_child_imports_nothing_of_the_gateway_but_what_reads_texts() -> None:
    allowed = {*sys.stdlib_module_names, "pyarrow", "phonenumbers"}
    ours = ("gateway.isolation", "gateway.recognition", "gateway.terms", "gateway.errors")
    for path in CHILD.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert all(name.partition(".")[0] in allowed or name.startswith(ours) for name in names), path


def test_a_gateway_never_imports_spacy_or_presidio_even_where_its_workers_read() -> None:
    script = """
import json, sys, gateway.app, gateway.assembly, gateway.cataloguing, gateway.masks
from tests.unit.detection.pools import notes, opened
with opened() as pool:
    assert pool.find(notes("IBAN DE89370400440532013000"), names=None, is_strict=True)[0].spans
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120)
    loaded: Mapping[str, None] = dict.fromkeys(json.loads(done.stdout))
    assert "gateway.detection.pool" in loaded
    heavy = ("spacy", "thinc", "presidio_analyzer", "gateway.recognition.redactor", "gateway.recognition.columns")
    assert not [name for name in heavy if name in loaded]
