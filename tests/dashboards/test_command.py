from pathlib import Path

from click.testing import CliRunner, Result

from calgate.cli import cli
from dashboards.bundle import bundle


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["dashboards", *map(str, arguments)])


def test_it_writes_the_dashboards_and_says_how_to_load_them(tmp_path: Path) -> None:
    done = _run("--out", tmp_path / "new")
    assert done.exit_code == 0
    for name, content in bundle().items():
        assert (tmp_path / "new" / name).read_text() == content
    assert "Import" in done.output


def test_check_passes_on_what_was_written_and_fails_after_a_change(tmp_path: Path) -> None:
    _run("--out", tmp_path)
    assert _run("--out", tmp_path, "--check").exit_code == 0
    (tmp_path / "overview.json").write_text("{}")
    done = _run("--out", tmp_path, "--check")
    assert done.exit_code == 1
    assert "differs: overview.json" in done.output


def test_check_writes_nothing(tmp_path: Path) -> None:
    assert _run("--out", tmp_path / "none", "--check").exit_code == 1
    assert not (tmp_path / "none").exists()


def test_a_directory_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("--out", tmp_path / "file" / "below")
    assert done.exit_code == 2
    assert "--out" in done.output


def test_runbook_links_start_where_they_are_told(tmp_path: Path) -> None:
    _run("--out", tmp_path, "--runbook-url", "https://wiki.example/calgate")
    assert "https://wiki.example/calgate/CalgateDown.md" in (tmp_path / "overview.json").read_text()
