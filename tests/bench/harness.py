"""How a figure is measured and kept: both sides in one run, interleaved, so that a busy machine slows both alike.

A figure is one object in .bench/results.json, merged by name; tests/bench/targets.yaml holds what it must reach.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import yaml

Clock = Literal["cpu", "wall"]

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / ".bench" / "results.json"
TARGETS: Final = Path(__file__).with_name("targets.yaml")

_CLOCKS: Final[dict[Clock, Callable[[], float]]] = {"cpu": time.process_time, "wall": time.perf_counter}
_missed: list[str] = []


def interleave(
    ours: Callable[[], object], peer: Callable[[], object], *, runs: int, clock: Clock
) -> tuple[list[float], list[float]]:
    """Seconds of each run, A B A B …, after one warm-up of both."""
    ours()
    peer()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for side, times_of_side in zip((ours, peer), times, strict=True):
            begin = _CLOCKS[clock]()
            side()
            times_of_side.append(_CLOCKS[clock]() - begin)
    return times


def ratio(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    peer_name: str,
    op: str,
    count: int,
    runs: int = 5,
    clock: Clock = "cpu",
) -> dict[str, object]:
    """Measure how many times faster than the peer we are, and record it; `count` operations a run on both sides.

    The value is the median of the runs' own ratios, its spread their quartile distance over the median.
    """
    ours_seconds, peer_seconds = interleave(ours, peer, runs=runs, clock=clock)
    ratios = [theirs / own for own, theirs in zip(ours_seconds, peer_seconds, strict=True)]
    nanoseconds = 1e9 / count
    return record(
        name,
        statistics.median(ratios),
        "x",
        better="higher",
        ours=statistics.median(ours_seconds) * nanoseconds,
        peer=statistics.median(peer_seconds) * nanoseconds,
        peer_name=peer_name,
        op=f"{op}; ours and peer in ns",
        clock=clock,
        runs=runs,
        spread=spread_of(ratios),
    )


def spread_of(figures: list[float]) -> float:
    """Distance of the quartiles over the median; 0 for fewer than two figures."""
    if len(figures) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return (high - low) / middle


def record(
    name: str,
    value: float,
    unit: str,
    *,
    better: Literal["higher", "lower"],
    ours: float,
    peer: float | None = None,
    peer_name: str | None = None,
    op: str,
    clock: Clock,
    runs: int,
    spread: float,
) -> dict[str, object]:
    """Keep one figure, print it, and say whether it holds.

    Args:
        name: `area.subject.figure`, with `.p50 .p95 .ms .mb` as suffixes for absolute ones.
        unit: `x` where the value is itself the ratio to the peer.
        better: which way is better for value, ours and peer; with the unit `x` ours and peer are costs.
        ours: our own figure; equals the value unless the value is a ratio.
        op: what one operation is, and on what.
    """
    ratio_to_peer: float | None = None
    if peer is not None:
        costs = unit == "x" or better == "lower"
        ratio_to_peer = value if unit == "x" else (peer / ours if costs else ours / peer)
    target, holds = _judge(name, value)
    figure: dict[str, object] = {
        "name": name,
        "value": _short(value),
        "unit": unit,
        "better": better,
        "ours": _short(ours),
        "peer": _short(peer),
        "peer_name": peer_name,
        "ratio": _short(ratio_to_peer),
        "op": op,
        "target": target,
        "holds": holds,
        "clock": clock,
        "runs": runs,
        "spread": _short(spread),
    }
    _keep(figure)
    if holds is False:
        _missed.append(name)
    verdict = {None: "", True: f"  holds ({target})", False: f"  MISSED ({target})"}[holds]
    print(f"{name:40s} {_short(value):>10} {unit:4s} ±{spread:.0%}{verdict}", flush=True)
    return figure


def missed() -> tuple[str, ...]:
    """Figures of this process that did not reach their target."""
    return tuple(_missed)


def _judge(name: str, value: float) -> tuple[float | None, bool | None]:
    target = yaml.safe_load(TARGETS.read_text()).get(name)
    if target is None:
        return None, None
    ((kind, bound),) = target.items()
    return bound, {"min": value >= bound, "max": value <= bound}[kind]


def _keep(figure: dict[str, object]) -> None:
    """Merge by name; a run that is cut short leaves the old file or the new one."""
    figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    merged = {kept["name"]: kept for kept in figures} | {str(figure["name"]): figure}
    RESULTS.parent.mkdir(exist_ok=True)
    temporary = RESULTS.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps([merged[name] for name in sorted(merged)], indent=1) + "\n")
    temporary.rename(RESULTS)


def _short(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.4g}")
