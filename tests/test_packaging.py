"""What is installed is what was tested: packages, their data, their names, their lock."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
DATA_SUFFIXES = {".lua", ".j2", ".html", ".css", ".sql", ".json", ".yaml", ".yml"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    return Path(built)


def packages(project: dict[str, Any]) -> list[str]:
    listed: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return listed


def test_every_top_level_package_is_listed(project: dict[str, Any]) -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(packages(project)) == found


def test_layers_and_types_cover_every_package(project: dict[str, Any]) -> None:
    tool = project["tool"]
    assert set(tool["importlinter"]["root_packages"]) == set(packages(project))
    assert set(tool["mypy"]["files"]) == {*packages(project), "tests"}


def test_no_other_distribution_claims_our_names(project: dict[str, Any]) -> None:
    owners = importlib.metadata.packages_distributions()
    for package in packages(project):
        # An editable install may not list its packages at all; what must not be is somebody else's among them.
        assert set(owners.get(package, ["calgate"])) == {"calgate"}


def test_the_wheel_carries_every_module_and_data_file(project: dict[str, Any], wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(ROOT))
        for package in packages(project)
        for path in (ROOT / package).rglob("*")
        if path.suffix == ".py" or path.suffix in DATA_SUFFIXES
    }
    assert expected - shipped == set()


def test_the_command_line_starts_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    start = "runpy.run_module('calgate', alter_sys=True)"
    shown = f"import calgate, runpy, sys; sys.stderr.write(calgate.__file__); {start}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", shown, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(str(unpacked))
    assert "demo" in done.stdout


LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, str]:
    """Every package a lock names, with its version; each must have at least one hash."""
    text = (ROOT / lock).read_text()
    found = re.findall(r"^([a-z0-9-]+)==([^ ;]+).*(?:\n +--hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    return dict(found)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(lock: str) -> None:
    assert pins(lock)
    assert "://" not in (ROOT / lock).read_text()


def test_what_images_install_is_what_was_tested() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_everything_we_depend_on_is_locked(project: dict[str, Any]) -> None:
    runs = project["project"]["dependencies"]
    groups = project["dependency-groups"]
    for lock, wanted in zip(LOCKS, (runs, [*runs, *groups["test"], *groups["lint"]]), strict=True):
        names = {re.split(r"[\[<>=; ]", requirement, maxsplit=1)[0] for requirement in wanted}
        assert names - pins(lock).keys() == set()
