"""The long form: `python -m tests.fuzz --queries 10000 --seed 7`. Exit code 1 if the worlds were told apart."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.bank import PEOPLE
from tests.fuzz.campaign import run
from tests.fuzz.worlds import open_worlds


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--person", choices=[person.name for person in PEOPLE], help="only this one")
    parser.add_argument("--stop-at", type=int, default=5, help="findings after which it ends")
    asked = parser.parse_args()
    people = [person for person in PEOPLE if asked.person in (None, person.name)]
    with tempfile.TemporaryDirectory() as root, open_worlds(Path(root)) as worlds:
        report = run(worlds, queries=asked.queries, seed=asked.seed, people=people, stop_at=asked.stop_at, tell=_say)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
