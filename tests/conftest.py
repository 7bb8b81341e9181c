"""Two rules for all tests.

Where a server is there, a test marked for it may not skip (`.ci/run` says which servers are there).
What needs a server, and the groups of SLOW, is marked `slow`: `make test` runs it, `make check` does not.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")  # a run that fails fails again; `--hypothesis-profile=default` looks further

SERVERS = {"postgres", "mariadb"}
SLOW = (
    # a whole gateway for each test, or for a few
    "unit/etl/extracts/test_extract_attempts.py",
    "unit/etl/extracts/test_extract_orders.py",
    "unit/etl/extracts/test_extract_versions.py",
    "unit/etl/test_claim.py",
    "unit/etl/test_freshness.py",
    "unit/etl/test_lineage_desks.py",
    "unit/etl/test_openlineage.py",
    "unit/governance/test_access_requests.py",
    "unit/governance/test_approvals.py",
    "unit/governance/test_governance_desks.py",
    "unit/governance/test_policy_proposals.py",
    "unit/sources/test_rows_only.py",
    "unit/quality/test_hard_set.py",
    "unit/detection/test_detection_pool.py",
    # processes
    "unit/sandbox/test_sandbox_answers.py",
    "unit/sandbox/test_sandbox_child.py",
    "unit/sandbox/test_sandbox_hostile.py",
    "unit/sandbox/test_sandbox_pool.py",
    "unit/sandbox/test_sandbox_spill.py",
    "unit/sources/test_duckdb_source.py",
    "unit/sources/test_parquet_files.py",
    "unit/sources/test_parquet_folders.py",
    # every value of every table of a log, and large files
    "unit/audit/test_audit_verify.py",
    "unit/delivery/test_delivery_dataset.py",
    "unit/demo_bank/test_bank.py",
)
"""Files that together take longer than all others."""
_TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # `-m "not slow"` looks afterwards
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs_server = any(item.get_closest_marker(name) for name in SERVERS)
        if needs_server or item.path.relative_to(_TESTS).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    there = SERVERS.intersection(os.environ.get("GATEWAY_TEST_NO_SKIP", "").split())
    if report.skipped and any(item.get_closest_marker(name) for name in there):
        report.outcome = "failed"
        report.longrepr = f"skipped although its server is there: {report.longrepr}"
    return report
