"""calgate/commands/indexes.py"""

import json
import logging
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from calgate.cli import cli


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["indexes", *arguments], prog_name="calgate")


def test_trying_out_goes_from_missing_to_proven(postgres_url: str) -> None:
    here = ("--database-url", postgres_url)
    before = call("status", *here, "--reference", "5000", "--check")
    assert before.exit_code == 1, before.output
    assert before.stdout.count("missing") == 8
    there = (*here, "--schema", "calgate_reference")

    dry = call("apply", *there, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert dry.stdout.count('CREATE INDEX CONCURRENTLY "idx_') == 8
    assert call("status", *there).stdout.count("missing") == 8, "a dry run must change nothing"

    assert "8 indexes, 8 built." in call("apply", *there).stdout
    assert "All 8 were there." in call("apply", *there).stdout
    assert call("status", *there, "--check").exit_code == 0
    rows = json.loads(call("status", *there, "--json").stdout)
    assert [row["state"] for row in rows] == ["valid"] * 8

    proven = call("explain", *there, "--check", "--json")
    assert proven.exit_code == 0, proven.output
    assert [row["uses_expected"] for row in json.loads(proven.stdout)] == [True] * 3


def test_explain_with_reference_needs_no_other_step(postgres_url: str) -> None:
    found = call("explain", "--database-url", postgres_url, "--reference", "--check")
    assert found.exit_code == 0, found.output
    assert "idx_appts_calcom_id" in found.stdout


def test_without_a_database_it_says_how_to_name_one() -> None:
    found = call("status", "--set", "database_url=")
    assert found.exit_code == 2
    assert "set CALGATE_DATABASE_URL" in found.output
    assert "--reference" in found.output


def test_a_database_that_is_not_there_is_a_message_without_its_password() -> None:
    found = call("status", "--database-url", "postgresql://me:hunter2@127.0.0.1:1/db")
    assert found.exit_code == 2
    assert "the database says: connection failed" in found.output
    assert "hunter2" not in found.output


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense"])
def test_a_url_that_is_none_of_postgresql_is_refused(url: str) -> None:
    found = call("status", "--database-url", url)
    assert found.exit_code == 2
    assert "postgresql://" in found.output


def test_reference_and_another_schema_contradict() -> None:
    found = call("apply", "--reference", "--schema", "public")
    assert found.exit_code == 2
    assert "leave --schema out" in found.output
