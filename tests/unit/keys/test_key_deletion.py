"""A deleted key is gone, whatever a reader does meanwhile; and a key that deletion could not reach is never used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from key_builders import NOW, CountedEntropy, Home, home_with_keys

from gateway.errors import Integrity, Unavailable
from gateway.keys import FileWrapper, files
from gateway.terms.key import Destruction, KeyEpoch, KeyScope

FIRST = KeyEpoch("credit-risk", 1)
SCOPE = KeyScope(project="credit-risk", domain="customer", mask="pseudonym")
END = Destruction(at=NOW, entry="r_0123")
KEK, NEW, NOTE = (f"credit-risk.1.{ending}" for ending in ("kek", "kek.new", "destroyed"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = home_with_keys(tmp_path)
    home.ring().derive(SCOPE)
    return home


def unnamed(home: Home) -> None:
    """As a crash leaves it between the ring's writing and its reading back."""
    (home.projects / KEK).rename(home.projects / NEW)


def left(home: Home) -> list[str]:
    return sorted(path.name for path in home.projects.iterdir())


def after_erasing(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Something happens once `number` files are erased."""
    erase, erased = files.erase, []

    def noted(path: Path, *, role: str) -> None:
        erase(path, role=role)
        erased.append(path)
        if len(erased) == number:
            act()

    monkeypatch.setattr("gateway.keys.files.erase", noted)


@pytest.mark.parametrize("number", [0, 1])
def test_a_key_that_a_reader_names_while_it_is_destroyed_is_gone(
    home: Home, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    unnamed(home)
    new, path = home.projects / NEW, home.projects / KEK

    def named() -> None:
        if new.exists():
            new.rename(path)

    after_erasing(monkeypatch, number, named)
    if number == 0:  # between the note and the first look at a file
        replace = files.replace
        monkeypatch.setattr("gateway.keys.files.replace", lambda *a, **k: (replace(*a, **k), named()))
    home.ring().destroy(FIRST, END)
    assert left(home) == [NOTE]


def test_a_reader_that_renames_inside_the_deletion_of_one_file_leaves_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed(home)
    unlink = Path.unlink

    def late(self: Path, missing_ok: bool = False) -> None:
        if self.name == NEW:
            self.rename(home.projects / KEK)
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", late)
    home.ring().destroy(FIRST, END)
    assert left(home) == [NOTE]


@pytest.mark.parametrize("killed", [False, True], ids=["whole", "cut short after its note"])
def test_a_reader_that_was_overtaken_by_a_destruction_gets_no_key_and_leaves_none(
    home: Home, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    unnamed(home)
    name = FileWrapper._name

    def overtaken(new: Path, path: Path, *, role: str) -> None:
        wrapper = FileWrapper(home.projects, entropy=CountedEntropy())
        with monkeypatch.context() as cut:
            if killed:
                cut.setattr("gateway.keys.files.erase", lambda *_, **__: None)
                cut.setattr(wrapper, "holds", lambda _: False)
                with pytest.raises(Unavailable):
                    wrapper.destroy(FIRST, END)
            else:
                wrapper.destroy(FIRST, END)
        name(new, path, role=role)

    monkeypatch.setattr(FileWrapper, "_name", staticmethod(overtaken))
    with pytest.raises(Integrity) as refused:
        home.ring().derive(SCOPE)
    assert refused.value.code == "integrity.keys.destroyed"
    assert left(home) == [NOTE]


@pytest.mark.parametrize("name", [KEK, NEW])
def test_unavailable_when_a_key_is_there_after_its_deletion(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    after_erasing(monkeypatch, 2, (home.projects / name).touch)
    with pytest.raises(Unavailable, match="file of project credit-risk, epoch 1 is still there"):
        home.ring().destroy(FIRST, END)
    monkeypatch.undo()
    assert home.ring().listed()[0].destroyed is None
    home.ring().destroy(FIRST, END)
    assert left(home) == [NOTE]


# Links


def linked(home: Home, name: str) -> Path:
    target = home.kek_path.with_name("real.kek")
    (home.projects / name).rename(target)
    (home.projects / name).symlink_to(target)
    return target


@pytest.mark.parametrize("name", [KEK, NEW])
def test_a_key_behind_a_link_is_not_used_and_not_taken_for_destroyed(home: Home, name: str) -> None:
    if name == NEW:
        unnamed(home)
    target = linked(home, name)
    with pytest.raises(Integrity, match="file of project credit-risk, epoch 1 is a symbolic link") as refused:
        home.ring().derive(SCOPE)
    assert refused.value.code == "integrity.keys.link"
    assert "the file itself" in refused.value.fix
    with pytest.raises(Unavailable, match="is a symbolic link"):
        home.ring().destroy(FIRST, END)
    with pytest.raises(Integrity, match="was destroyed"):  # by its note
        home.ring().derive(SCOPE)
    (home.projects / name).unlink()
    target.rename(home.projects / name)
    home.ring().destroy(FIRST, END)
    assert left(home) == [NOTE]


def test_a_link_that_leads_nowhere_is_a_key_that_is_there(home: Home) -> None:
    linked(home, KEK).unlink()
    with pytest.raises(Integrity, match="is a symbolic link"):
        home.ring().derive(SCOPE)
    with pytest.raises(Unavailable, match="is a symbolic link"):
        home.ring().destroy(FIRST, END)


def test_a_note_that_is_a_link_is_no_note_and_opens_nothing(home: Home) -> None:
    (home.projects / NOTE).symlink_to("nowhere")
    for use in (lambda: home.ring().derive(SCOPE), lambda: home.ring().check({})):
        with pytest.raises(Integrity, match="note of the destroyed key of project credit-risk, epoch 1 is a symbolic"):
            use()


def test_the_houses_key_may_lie_behind_a_link_as_mounted_secrets_do(home: Home) -> None:
    key = home.ring().derive(SCOPE).secret()
    target = home.kek_path.with_name("mounted.kek")
    home.kek_path.rename(target)
    home.kek_path.symlink_to(target)
    assert home.ring().derive(SCOPE).secret() == key
