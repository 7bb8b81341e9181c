"""The wheel alone is a gateway: installed in an empty environment, in an empty folder, its demo runs to the end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True)
class Installed:
    """A virtual environment that holds the wheel and nothing else of this project."""

    wheel: Path
    folder: Path

    def run(self, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(argument) for argument in arguments],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(cwd)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    root = tmp_path_factory.mktemp("wheel")
    made = Installed(wheel=_build(root), folder=root / "venv")
    venv.create(made.folder, with_pip=False)
    pip = ("pip", "--python", made.python, "install", "--no-deps", "--no-index", "--disable-pip-version-check")
    told = made.run(sys.executable, "-m", *pip, made.wheel, cwd=root)
    assert told.returncode == 0, told.stderr
    # Dependencies come from where the tests have theirs; the folder's own .pth files, which hold the
    # checkout, are not followed from here.
    (site,) = made.folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def _build(root: Path) -> Path:
    """From a copy, so that what lies beside the checkout cannot get in."""
    checkout = root / "checkout"
    checkout.mkdir()
    for name in ("gateway", "etl", "migrations", "policies"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy2(ROOT / name, checkout / name)
    told = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(root / "dist")],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    (wheel,) = (root / "dist").glob("*.whl")
    return wheel


def _running_from(folder: Path) -> list[str]:
    """Arguments of every process whose program or working folder lies there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(folder) in arguments:
            found.append(arguments)
    return found


def test_it_holds_everything_that_the_package_reads(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
    folders = {"migrations": "gateway/_migrations", "policies": "gateway/_policies", "gateway": "gateway", "etl": "etl"}
    wanted = {
        f"{inside}/{path.relative_to(ROOT / outside).as_posix()}"
        for outside, inside in folders.items()
        for path in (ROOT / outside).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"gateway/_migrations/env.py", "gateway/_policies/model.conf", "etl/__init__.py"} <= wanted
    assert not wanted - names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_its_own_gateway_is_imported_and_not_the_checkouts(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(installed.python, "-c", "import gateway; print(gateway.__file__)", cwd=tmp_path)
    assert Path(told.stdout.strip()).is_relative_to(installed.folder), told.stderr


def test_the_demo_runs_in_an_empty_folder_and_leaves_nothing_behind(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(installed.folder / "bin" / "gateway", "demo", "--transactions", "2000", cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "every byte accounted for" in told.stdout
    assert not list(tmp_path.iterdir())
    assert not _running_from(installed.folder)


def test_a_home_is_made_and_verified_outside_any_checkout(installed: Installed, tmp_path: Path) -> None:
    """The migrations come out of the wheel; the policies are the operator's own."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    gateway = installed.folder / "bin" / "gateway"
    for arguments in (("init",), ("policy", "test"), ("audit", "verify")):
        told = installed.run(gateway, *arguments, cwd=tmp_path)
        assert told.returncode == 0, told.stdout + told.stderr
    assert (tmp_path / ".gateway" / "control.db").is_file()
