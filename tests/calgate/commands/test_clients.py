"""calgate/commands/clients.py"""

import pytest
from click.testing import CliRunner

from calgate.cli import cli
from core.clients import digest_of, parse


def run(*arguments: str, says: str = "", fails: bool = False) -> tuple[str, str]:
    """What it wrote to standard output and to standard error."""
    found = CliRunner().invoke(cli, ["clients", *arguments], input=says)
    assert (found.exit_code != 0) == fails, found.output
    return found.stdout, found.stderr


def test_a_new_token_is_shown_once_and_the_entry_lets_it_in() -> None:
    entry, shown = run("new", "shop", "--share", "40")
    (token,) = [word for word in shown.split() if word.startswith("cal_gate_")]
    assert token not in entry
    (client,) = parse(entry)
    assert (client.alias, client.digests, client.share) == ("shop", (digest_of(token.encode()),), 40)


def test_a_token_that_is_there_already_is_read_and_not_repeated() -> None:
    token = "0123456789" * 4
    entry, shown = run("hash", "shop", says=token + "\n")
    assert token not in entry + shown
    assert parse(entry)[0].digests == (digest_of(token.encode()),)


def test_a_guessable_token_is_refused_without_being_repeated() -> None:
    _, shown = run("hash", "shop", says="hunter2\n", fails=True)
    assert "at least 32 characters" in shown
    assert "hunter2" not in shown


def test_an_alias_that_cannot_be_a_label_is_refused() -> None:
    assert "must be ALIAS=" in run("new", "The Shop", fails=True)[1]


def test_the_list_shows_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"shop=sha256:{'0' * 64};share=40,shop=sha256:{'1' * 64},voice=sha256:{'2' * 64}"
    monkeypatch.setenv("CALGATE_UPSTREAM_API_KEY", "k")
    monkeypatch.setenv("CALGATE_CLIENT_TOKENS", text)
    assert run("list")[0].splitlines() == [
        "shop: 2 tokens, at most 48 of 120 calls a window",
        "voice: 1 token, at most 120 of 120 calls a window",
    ]
