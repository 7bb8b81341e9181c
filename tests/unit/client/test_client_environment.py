"""Where URL and token come from, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import gateway.client as gw
from gateway.client.environment import DEFAULT_URL, find_token, find_url


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GATEWAY_URL", raising=False)
    monkeypatch.delenv("GATEWAY_TOKEN", raising=False)
    return tmp_path


def stored(home: Path, text: str, *, mode: int = 0o600) -> Path:
    file = home / ".config" / "gateway" / "token"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_an_argument_comes_before_the_environment_and_that_before_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(home, "gw_file\n")
    assert (find_url(None), find_token(None)) == (DEFAULT_URL, "gw_file")
    monkeypatch.setenv("GATEWAY_URL", "https://bank.example")
    monkeypatch.setenv("GATEWAY_TOKEN", "gw_environment")
    assert (find_url(None), find_token(None)) == ("https://bank.example", "gw_environment")
    assert (find_url("https://x"), find_token("gw_given")) == ("https://x", "gw_given")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_token_file_that_others_may_use_is_refused(home: Path, mode: int) -> None:
    stored(home, "gw_file", mode=mode)
    with pytest.raises(gw.NotConfigured, match="chmod 600") as refused:
        find_token(None)
    assert "gw_file" not in str(refused.value)


def test_a_link_in_the_token_files_place_is_refused(home: Path) -> None:
    file = stored(home, "gw_file")
    file.rename(home / "elsewhere")
    file.symlink_to(home / "elsewhere")
    with pytest.raises(gw.NotConfigured):
        find_token(None)


def test_without_a_token_one_is_told_where_it_goes() -> None:
    with pytest.raises(gw.NotConfigured, match="GATEWAY_TOKEN"):
        gw.connect("https://bank.example")


@pytest.mark.parametrize("text", ["", "gw a", "gw_ä", "gw\x1b[31m"])
def test_a_token_that_is_none_is_refused_and_not_repeated(home: Path, text: str) -> None:
    stored(home, text)
    with pytest.raises(gw.NotConfigured) as refused:
        find_token(None)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["ftp://bank.example", "bank.example", "https://", "https://ana:pw@bank.example", "http://bank:port"]
)
def test_a_url_that_is_none_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(gw.NotConfigured) as refused:
        gw.connect(url, "gw_x")
    assert "pw" not in str(refused.value)


def test_no_text_of_a_session_holds_its_token() -> None:
    with gw.connect("http://127.0.0.1:9", "gw_verysecret") as g, pytest.raises(gw.Unreachable) as refused:
        g.datasets()
    assert "verysecret" not in repr(g) + str(refused.value) + repr(refused.value.__cause__)
