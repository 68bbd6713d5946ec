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
    shown = "import calgate, runpy, sys; sys.stderr.write(calgate.__file__); runpy.run_module('calgate', alter_sys=True)"
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


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pins = re.findall(r"^([a-z0-9-]+)==.*(?:\n +--hash=sha256:[0-9a-f]{64}.*)+", lock, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE))


def test_everything_we_depend_on_is_locked(project: dict[str, Any]) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    wanted = [*project["project"]["dependencies"]]
    for group in ("test", "lint"):
        wanted += project["dependency-groups"][group]
    for requirement in wanted:
        name = re.split(r"[\[<>=; ]", requirement, maxsplit=1)[0]
        assert re.search(rf"^{re.escape(name)}==", lock, re.MULTILINE), f"{name} is not in requirements.lock"
