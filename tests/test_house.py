"""House rules no linter knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".lua", ".j2", ".html", ".json", ".sql", "", ".lock", ".txt"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is how one got here
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        ROOT / name
        for name in listed.stdout.splitlines()
        if Path(name).suffix in TEXT and (ROOT / name).is_file()
    ]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in tracked()}


def offenders(texts: dict[str, str], pattern: str) -> list[str]:
    rule = re.compile(pattern)
    me = str(Path(__file__).relative_to(ROOT))
    return [
        f"{name}:{number}"
        for name, text in texts.items()
        if name != me
        for number, line in enumerate(text.splitlines(), start=1)
        if rule.search(line)
    ]


def test_what_is_left_to_do_names_its_issue(texts: dict[str, str]) -> None:
    assert offenders(texts, r"\b(TODO|FIXME|XXX)\b(?!.*#\d+)") == []


def test_no_file_names_a_home_on_somebodys_machine(texts: dict[str, str]) -> None:
    assert offenders(texts, r"/(work|root|home/[a-z]+|Users/[a-z]+)/") == []


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
