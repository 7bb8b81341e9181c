"""A process that appends: `appender.py URL THREADS ENTRIES SEED`; prints each index once append returned."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from gateway.store import open_database
from tests.unit.audit.building import event, open_log


def main(url: str, threads: int, entries: int, seed: int) -> None:
    engine = open_database(url, lock_seconds=30)
    log = open_log(engine, seed=seed)

    def append(at: int) -> None:
        os.write(1, b"%d\n" % log.append(event(at)))

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(append, at) for at in range(threads)]
        for at in range(threads, entries):
            running.pop(0).result()
            running.append(pool.submit(append, at))
        for future in running:
            future.result()
    log.close()
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
