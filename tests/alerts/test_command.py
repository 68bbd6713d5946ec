import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.bundle import bundle
from calgate.cli import cli


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["alerts", *map(str, arguments)])


def test_it_writes_the_bundle_and_says_how_to_load_it(tmp_path: Path) -> None:
    done = _run("--out", tmp_path / "new")
    assert done.exit_code == 0
    for name, content in bundle().items():
        assert (tmp_path / "new" / name).read_text() == content
        assert f"wrote {tmp_path / 'new' / name}" in done.output
    assert "rule_files" in done.output


def test_json_names_files_and_alerts(tmp_path: Path) -> None:
    done = json.loads(_run("--out", tmp_path, "--json").output)
    assert len(done["written"]) == len(bundle())
    assert "CalgateDown" in done["alerts"]


def test_check_passes_on_what_was_written_and_fails_after_a_change(tmp_path: Path) -> None:
    _run("--out", tmp_path)
    assert _run("--out", tmp_path, "--check").exit_code == 0
    (tmp_path / "calgate.rules.yml").write_text("groups: []")
    done = _run("--out", tmp_path, "--check")
    assert done.exit_code == 1
    assert "differs: calgate.rules.yml" in done.output
    assert json.loads(_run("--out", tmp_path, "--check", "--json").output) == {
        "missing": [],
        "differs": ["calgate.rules.yml"],
    }


def test_check_writes_nothing(tmp_path: Path) -> None:
    assert _run("--out", tmp_path / "none", "--check").exit_code == 1
    assert not (tmp_path / "none").exists()


def test_a_directory_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("--out", tmp_path / "file" / "below")
    assert done.exit_code == 2
    assert str(tmp_path / "file") in done.output
    assert "--out" in done.output


@pytest.mark.parametrize("option", ["--pager-url", "--ticket-url", "--heartbeat-url", "--grafana-url"])
def test_an_address_that_is_none_is_refused_without_repeating_it(option: str, tmp_path: Path) -> None:
    done = _run("--out", tmp_path, option, "s3cret-token")
    assert done.exit_code == 2
    assert "https://" in done.output
    assert "s3cret-token" not in done.output
