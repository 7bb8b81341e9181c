"""What the frames between gateway and child are: kinds, layouts, statuses. `gateway/sandbox/wire.py` judges them."""

from __future__ import annotations

import struct

from gateway.isolation.frames import READY

QUERY, SCHEMA, BATCH, END, TRAILER = range(READY + 1, READY + 6)
TRAILER_LAYOUT = struct.Struct(">BQ32s")
"""Index in STATUSES, rows, SHA-256 over the payloads of all schema and batch frames."""
MAX_FRAME_BYTES = 64 << 20
STATUSES = (
    "ok",
    "statement",
    "conversion",
    "range",
    "division",
    "input",
    "types",
    "unsupported",
    "memory",
    "wide_row",
    "engine",
)
"""How a query ended: a closed set, so that no text of the engine leaves the child."""
