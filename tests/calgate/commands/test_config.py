"""calgate/commands/config.py"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from calgate.cli import cli
from core.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CALGATE_{name.upper()}", raising=False)


def shown(*arguments: str) -> str:
    found = CliRunner().invoke(cli, ["config", *arguments])
    assert found.exit_code == 0, found.output
    return found.output


def test_every_setting_is_shown_with_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.toml").write_text("rate_limit = 60")
    monkeypatch.setenv("CALGATE_ACCOUNT", "acme")
    lines = shown("--config", str(tmp_path / "c.toml"), "--set", "workers=3").splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines}
    assert list(rows) == list(Settings.model_fields)
    assert rows["rate_limit"] == ["60", f"{tmp_path}/c.toml"]
    assert rows["account"] == ["acme", "the environment variable CALGATE_ACCOUNT"]
    assert rows["workers"] == ["3", "the command line (--set workers)"]
    assert rows["database_url"] == ["(unset)", "the default"]


def test_passwords_are_masked_in_every_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_REDIS_URL", "rediss://calgate:hunter2@cache:6379/0")
    monkeypatch.setenv("CALGATE_DATABASE_URL", "postgresql://h/cal?user=u&password=hunter2")
    for arguments in ([], ["--json"], ["--describe"], ["--describe", "--json"]):
        assert "hunter2" not in shown(*arguments)
    assert "rediss://***@cache:6379/0" in shown()


def test_secrets_are_not_shown_but_that_they_are_set_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_UPSTREAM_API_KEY", "cal_live_hunter2")
    monkeypatch.setenv("CALGATE_CLIENT_TOKENS", f"shop=sha256:{'7' * 64}")
    for arguments in ([], ["--json"]):
        assert "hunter2" not in shown(*arguments)
        assert "7777" not in shown(*arguments)
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in shown().splitlines()}
    assert rows["upstream_api_key"] == ["***", "the environment variable CALGATE_UPSTREAM_API_KEY"]


def test_json_has_the_values_as_they_are() -> None:
    found = json.loads(shown("--json", "--set", "slots_ttl_seconds=0.5"))
    assert found["slots_ttl_seconds"] == {"value": 0.5, "from": "the command line (--set slots_ttl_seconds)"}
    assert found["database_url"] == {"value": None, "from": "the default"}
    assert set(found) == set(Settings.model_fields)


def test_describe_says_what_each_means_and_may_be() -> None:
    text = shown("--describe")
    assert "rate_limit  (CALGATE_RATE_LIMIT, default 120)\n" in text
    assert "May be a whole number from 1 to 100000." in text
    described = json.loads(shown("--describe", "--json"))
    assert described["log_format"]["allowed"] == "one of json, console"
    # What depends on this machine has no place in documentation made from this.
    assert described["workers"]["default"] is None
