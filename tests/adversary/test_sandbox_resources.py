"""Queries that eat: each ends within its deadline and a second, told why, and the pool lives on (ATTACKS B7)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway.errors import Exhausted
from gateway.sandbox import Sandbox
from tests.unit.sandbox.sandboxes import ask, binding, started

ATTACKS = {
    "cross join": "SELECT count(*) FROM range(9999) a, range(9999) b, range(9999) c WHERE a.range * b.range < c.range",
    "recursion": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "repeat": "SELECT length(repeat('x', 4000000000))",
    "sum of repeats": "SELECT sum(length(repeat('x', 100000000) || range::VARCHAR)) FROM range(1000)",
    "lpad": "SELECT length(lpad('x', 2000000000, 'y'))",
    "array_agg": "SELECT array_agg(x) FROM (SELECT unnest(generate_series(1, 200000000)) AS x)",
    "quantile": "SELECT quantile_cont(range, 0.5) FROM range(300000000)",
    "list_reduce": "SELECT list_reduce(generate_series(1, 100000000), lambda a, b: a + b)",
    "levenshtein": "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
    "endless answer": "SELECT a.range FROM range(1000000) a, range(1000000) b",
}
DEADLINE = 1.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with started() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", ATTACKS)
def test_a_resource_attack_ends_in_a_clear_error(sandbox: Sandbox, name: str) -> None:
    ask(sandbox, "SELECT 1", by=binding("warm-up"))  # a start is not what is measured
    begin = time.monotonic()
    with pytest.raises(Exhausted) as caught:
        ask(sandbox, ATTACKS[name], seconds=DEADLINE)
    assert time.monotonic() - begin < DEADLINE + 1
    assert caught.value.code in {"exhausted.time", "exhausted.memory"}
    assert ask(sandbox, "SELECT 42", by=binding("next"))["x"].to_pylist() == [42]


def test_a_child_has_so_much_cpu_and_no_more() -> None:
    with started(cpu_seconds=1) as sandbox, pytest.raises(Exhausted) as caught:
        ask(sandbox, ATTACKS["levenshtein"], seconds=20)
    assert caught.value.code == "exhausted.time"


def test_memory_beyond_the_engines_own_limit_is_the_kernels_business() -> None:
    with started(memory_mb=8_000, address_space_mb=300) as sandbox, pytest.raises(Exhausted) as caught:
        ask(sandbox, ATTACKS["array_agg"], seconds=20)
    assert caught.value.code == "exhausted.memory"
