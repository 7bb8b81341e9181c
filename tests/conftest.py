"""One rule: where a server is there, a test marked for it may not skip (`.ci/run` says which servers are there)."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")  # a run that fails fails again; `--hypothesis-profile=default` looks further

SERVERS = {"postgres", "mariadb"}


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
