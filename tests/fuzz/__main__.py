"""The long form: `python -m tests.fuzz --queries 10000 --seed 7 --processes 2`.

Asks PostgreSQL too (GATEWAY_TEST_POSTGRES_URL, else one is started), and MariaDB if GATEWAY_TEST_MARIADB_URL is there.
Exit code 1 if the worlds were told apart. A finding's block is asked alone with `--block`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.fuzz.banks.people import PEOPLE
from tests.fuzz.campaign import How
from tests.fuzz.processes import Campaign, run_all
from tests.pg import postgres_address


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--person", choices=[person.name for person in PEOPLE], help="only this one")
    parser.add_argument("--stop-at", type=int, default=5, help="findings after which it ends")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--block", type=int, help="only this one")
    parser.add_argument("--kept", type=Path, help="a file of the blocks that were asked; a second run goes on there")
    asked = parser.parse_args()
    people = [person for person in PEOPLE if asked.person in (None, person.name)]
    with postgres_address() as postgres:
        campaign = Campaign(
            queries=asked.queries,
            seed=asked.seed,
            people=tuple(person.name for person in people),
            postgres=postgres,
            mariadb=os.environ.get("GATEWAY_TEST_MARIADB_URL"),
        )
        how = How(people=people, stop_at=asked.stop_at, tell=_say)
        report = run_all(campaign, how=how, processes=asked.processes, kept=asked.kept, only=asked.block)
    _say("THE WORLDS WERE TOLD APART" if report.findings else "the worlds were never told apart")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
