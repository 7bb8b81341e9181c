"""Run the benches: `python -m tests.bench [--only PREFIX] [--list]`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable

from tests import bench
from tests.bench import harness


def collect() -> dict[str, Callable[[], None]]:
    """Every bench of every bench_*.py, by name; two of one name are a mistake."""
    benches: dict[str, Callable[[], None]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(bench.__path__) if info.name.startswith("bench_")):
        for name, run in importlib.import_module(f"tests.bench.{module}").BENCHES.items():
            if name in benches:
                raise SystemExit(f"two benches are named {name}")
            benches[name] = run
    return benches


def main(arguments: list[str]) -> int:
    """Exit status: 0 all that was measured holds, 1 a target was missed, 2 no bench has the prefix."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="PREFIX", help="only benches whose names begin so")
    parser.add_argument("--list", action="store_true", help="print the names and run nothing")
    options = parser.parse_args(arguments)
    chosen = {name: run for name, run in sorted(collect().items()) if name.startswith(options.only)}
    if not chosen:
        print(f"no bench begins with {options.only!r}", file=sys.stderr)
        return 2
    for name, run in chosen.items():
        if options.list:
            print(name)
        else:
            run()
    return 1 if harness.missed() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
