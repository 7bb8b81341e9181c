from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.app import Host
from gateway.errors import Invalid
from gateway.settings import Settings, operator_name


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder and no variable of ours."""
    import os

    for name in os.environ:
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    assert (settings.home, settings.policies, settings.sources) == (
        Path(".gateway"),
        Path("policies"),
        Path("sources.yaml"),
    )
    assert (settings.url, settings.token) == ("http://127.0.0.1:8080", "")


def test_nothing_opens_by_default() -> None:
    settings = Settings()
    assert settings.sandbox_kernel_isolation == "required"
    assert settings.threshold_subjects >= 10
    assert settings.audit_reserve_mb > 0


def test_a_variable_wins_over_the_file_and_an_argument_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("gateway.toml").write_text("max_scans = 3\nconcurrent_queries = 3\nlease_seconds = 3\n")
    monkeypatch.setenv("GATEWAY_MAX_SCANS", "4")
    monkeypatch.setenv("GATEWAY_CONCURRENT_QUERIES", "4")
    settings = Settings(concurrent_queries=5)
    assert (settings.lease_seconds, settings.max_scans, settings.concurrent_queries) == (3, 4, 5)


def test_role_limits_come_from_the_file_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("gateway.toml").write_text("[role_limits.intern]\nquery_seconds = 5\n")
    assert Settings().role_limits["intern"].query_seconds == 5
    monkeypatch.setenv("GATEWAY_ROLE_LIMITS", '{"intern": {"rows_per_day": 7}}')
    assert Settings().role_limits["intern"].rows_per_day == 7


@pytest.mark.parametrize(
    "limits", [{"query_second": 5}, {"query_seconds": 0}, {"concurrent_queries": 0}, {"sandbox_memory_mb": 513}]
)
def test_a_role_limit_that_is_none_is_a_mistake(limits: dict[str, float]) -> None:
    """A misspelled one would limit nothing; memory beyond everybody's could not be given."""
    with pytest.raises(ValidationError):
        Settings(role_limits={"intern": limits})


def test_an_unknown_key_in_the_file_is_a_mistake() -> None:
    Path("gateway.toml").write_text("max_scan = 3\n")
    with pytest.raises(ValidationError):
        Settings()


def test_a_dotenv_file_is_not_read() -> None:
    Path(".env").write_text("GATEWAY_TOKEN=gw_committed\n")
    assert Settings().token == ""


def test_the_key_encryption_key_lies_outside_the_home() -> None:
    settings = Settings(home=Path("a/home"))
    assert not settings.kek_path.is_relative_to(settings.home.absolute())
    assert Settings(kek_file=Path("/else/where")).kek_path == Path("/else/where")


def test_the_threshold_cannot_be_set_below_its_floor() -> None:
    with pytest.raises(ValidationError):
        Settings(threshold_subjects=4)
    assert Settings(threshold_subjects=5).threshold_subjects == 5


def test_a_token_is_not_shown_when_settings_are_printed() -> None:
    assert "gw_secret" not in repr(Settings(token="gw_secret"))


def test_settings_do_not_change_after_they_are_read() -> None:
    with pytest.raises(ValidationError):
        Settings().max_scans = 1000  # type: ignore[misc]  # frozen


def test_a_wrong_setting_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LEASE_SECONDS", "zqx-secret")
    with pytest.raises(Invalid) as refused:
        Host().settings()
    assert "lease_seconds" in refused.value.message
    assert "zqx" not in refused.value.message


def test_the_operator_is_named_after_the_os_user() -> None:
    assert operator_name().startswith("operator:")
