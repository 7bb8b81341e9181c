"""The engine, locked. The order matters: settings, then external access off, then the lock.

Closed by it: files in every form, network, extensions, secrets, settings, Python variables. What it leaves
open (tests/adversary/test_sandbox_probes.py lists both) is closed by the parser's allow-list, by running
exactly one SELECT, and by a new session per query.
"""

from __future__ import annotations

import duckdb

THREADS = 1
"""With more, the order of groups, windows and set operations depends on scheduling: the same query gives other bytes.
Several principals share the cores anyway."""
STREAMED = ("SET disabled_optimizers = 'join_order,build_side_probe_side'",)
SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL integer_division = true",  # PostgreSQL: 7/2 is 3; DuckDB alone: 3.5, silently
    "SET GLOBAL default_null_order = 'nulls_last_on_asc_first_on_desc'",  # PostgreSQL's
    "SET python_enable_replacements = false",  # else SQL reads this process's Python variables
    "SET enable_external_access = false",  # in connect() it clashes with temp_directory
    "SET lock_configuration = true",
)


def locked(*, memory_mb: int, spill: str = "", spill_mb: int = 0, streamed: bool = False) -> duckdb.DuckDBPyConnection:
    """Connect to an empty in-memory database that no SQL can reconfigure or lead outside.

    With `spill`, what exceeds the memory goes to that folder; without, a query that needs more ends. Of `streamed`
    scans the engine does not know the sizes: joins then stand as they are written, and hold their right side.

    Sessions (`cursor()`) inherit the lock; what they register or create as temporary ends with them.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": THREADS,
            "memory_limit": f"{memory_mb}MiB",
            "temp_directory": spill,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
        },
    )
    if spill:  # in connect() it is taken and has no effect: measured, 712 MB with 20 allowed
        connection.execute(f"SET max_temp_directory_size = '{spill_mb:d}MiB'")
    for setting in (*STREAMED, *SETTINGS) if streamed else SETTINGS:
        connection.execute(setting)
    return connection
