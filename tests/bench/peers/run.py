"""Runs in the peers' environment: `python run.py NAME ROWS`; a line in, a run, its CPU seconds out.

Knows nothing of the gateway. The values have the form of those of tests/bench/bench_mask_peers.py.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

SECRET = bytes(range(32))


def numbers(rows: int) -> list[int]:
    """Each once, in no order."""
    return random.Random(7).sample(range(rows), rows)


def polars_hash(rows: int) -> Callable[[], object]:
    """HMAC-SHA-256 of e-mails, by polars' own threads."""
    import polars
    import polars_hash as hashes

    frame = polars.DataFrame({"c": [f"anna.{number:07d}@banks.test" for number in numbers(rows)]})
    return lambda: frame.select(hashes.col("c").chash.hmac_sha256(key=SECRET.hex()))


def presidio(rows: int) -> Callable[[], object]:
    """AnonymizerEngine with the operator `hash`, each text one e-mail that was found."""
    from presidio_anonymizer import AnonymizerEngine
    from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

    engine = AnonymizerEngine()
    operators = {"EMAIL_ADDRESS": OperatorConfig("hash", {"hash_type": "sha256", "salt": SECRET.hex()})}
    texts = [f"anna.{number:07d}@banks.test" for number in numbers(rows)]
    found = [RecognizerResult("EMAIL_ADDRESS", 0, len(texts[0]), 1.0)]
    return lambda: [engine.anonymize(text, analyzer_results=found, operators=operators).text for text in texts]


def fastfpe(rows: int) -> Callable[[], object]:
    """FF1 of 16 digits, in Rust, one call a value."""
    from fastfpe import ff1

    texts = [f"{number * 7_919:016d}" for number in numbers(rows)]
    return lambda: [ff1.encrypt(SECRET.hex(), "", "0123456789", text) for text in texts]


PEERS = {"polars-hash": polars_hash, "presidio": presidio, "fastfpe": fastfpe}

if __name__ == "__main__":
    run = PEERS[sys.argv[1]](int(sys.argv[2]))
    run()
    for _ in sys.stdin:
        begin = time.process_time()
        run()
        print(time.process_time() - begin, flush=True)
