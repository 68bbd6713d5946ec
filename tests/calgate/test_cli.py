"""calgate/cli.py"""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from calgate.cli import _HIDDEN, _VISIBLE, cli


@pytest.mark.parametrize("name", [*_VISIBLE, *_HIDDEN])
def test_every_program_is_there_and_explains_itself(name: str) -> None:
    found = CliRunner().invoke(cli, [name, "--help"], prog_name="calgate")
    assert found.exit_code == 0, found.output
    assert found.output.startswith(f"Usage: calgate {name} ")


def test_the_help_lists_the_programs_for_people_and_not_the_inner_ones() -> None:
    found = CliRunner().invoke(cli, ["--help"])
    assert found.exit_code == 0
    for name in _VISIBLE:
        assert f"\n  {name} " in found.output
    for name in _HIDDEN:
        assert name not in found.output


def test_a_program_that_does_not_exist_is_said_to() -> None:
    found = CliRunner().invoke(cli, ["upp"])
    assert found.exit_code == 2
    assert "No such command 'upp'" in found.output


@pytest.mark.parametrize("program", ["config", "up", "proxy", "worker", "monitor"])
def test_wrong_settings_are_a_message_and_code_2_for_every_program(program: str) -> None:
    found = CliRunner().invoke(cli, [program, "--set", "workers=none"])
    assert found.exit_code == 2
    assert isinstance(found.exception, SystemExit)
    assert found.output == (
        "Error: a setting is wrong: workers = 'none' (from the command line (--set workers)): "
        "must be a whole number from 1 to 64\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "workers"], "--set workers: must be NAME=VALUE, as in --set rate_limit=60"),
        (["--config", "/nonexistent/c.toml"], "/nonexistent/c.toml: the settings file cannot be read"),
        (
            ["--set", "rate-limt=1"],
            "rate_limt (from the command line): unknown setting; did you mean rate_limit?",
        ),
    ],
)
def test_a_wrong_option_says_what_is_wrong(arguments: list[str], message: str) -> None:
    found = CliRunner().invoke(cli, ["config", *arguments])
    assert found.exit_code == 2
    assert message in found.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fd", "99"], "needs a redis_url that is resolved"),
        (["--fd", "99", "--set", "redis_url=redis://h"], "--fd 99 is not an inherited socket"),
    ],
)
def test_a_gateway_process_started_by_hand_says_how_it_is_meant(arguments: list[str], message: str) -> None:
    found = CliRunner().invoke(cli, ["proxy-process", "--slot", "0", *arguments])
    assert found.exit_code == 2
    assert message in found.output


def test_python_dash_m_is_the_same_program() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "calgate", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("calgate, version ")


def test_programs_are_commands() -> None:
    with click.Context(cli) as ctx:
        assert all(isinstance(cli.get_command(ctx, name), click.Command) for name in cli.list_commands(ctx))
