import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
FINAL = TEXT.rpartition("\nFROM ")[2]


def test_dependencies_are_installed_by_hash() -> None:
    assert "--require-hashes -r requirements.lock" in TEXT
    for install in re.findall(r"pip (?:install|wheel) [^\n]*", TEXT):
        assert "--require-hashes" in install or "--no-deps" in install, install


def test_every_package_of_the_project_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = re.findall(r"^COPY (\w+)/ (\w+)/$", TEXT, re.MULTILINE)
    assert sorted(source for source, _ in copied) == sorted(packages)
    assert all(source == target for source, target in copied)


def test_what_is_copied_exists() -> None:
    for line in re.findall(r"^COPY ((?!--from).+)$", TEXT, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_programs_run_without_rights() -> None:
    user = re.search(r"^USER (\d+):\d+$", FINAL, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert FINAL.index("USER") < FINAL.index("ENTRYPOINT")


def test_the_base_is_pinned_to_the_language_version() -> None:
    assert set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) == {"python:3.11-slim"}
