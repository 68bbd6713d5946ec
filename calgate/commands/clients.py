"""`calgate clients`: tokens for those who use a gateway that holds the key."""

from __future__ import annotations

import sys

import click

from calgate.commands.options import settings_options
from core.clients import WHOLE, entry_of, minted
from core.errors import UserError
from core.settings import Loaded

_share = click.option(
    "--share",
    type=click.IntRange(1, WHOLE),
    default=WHOLE,
    metavar="PERCENT",
    help="The most of the calls to Cal.com it may spend.  [default: all of them]",
)


@click.group()
def clients() -> None:
    """Make tokens for clients, and list who has one."""


@clients.command()
@click.argument("alias")
@_share
def new(alias: str, share: int) -> None:
    """Make a token for the client ALIAS. It is shown once; only its hash goes into the configuration."""
    token = minted()
    entry = _entry(alias, token, share)
    click.echo(f"The token, for the client alone; it cannot be shown again:\n\n    {token}\n", err=True)
    click.echo("The entry, to be added to CALGATE_CLIENT_TOKENS:\n", err=True)
    click.echo(entry)


@clients.command(name="hash")
@click.argument("alias")
@_share
def hash_(alias: str, share: int) -> None:
    """The entry for a token that the client ALIAS has already, read from standard input."""
    click.echo(_entry(alias, sys.stdin.readline().strip(), share))


@clients.command(name="list")
@settings_options
def list_(loaded: Loaded) -> None:
    """Who may use the gateway's own key, with how many tokens, for how much of the budget."""
    found = loaded.settings.clients
    if not found:
        click.echo("Clients bring their own keys: neither upstream_api_key nor client_tokens is set.")
    for client in found:
        tokens = "1 token" if len(client.digests) == 1 else f"{len(client.digests)} tokens"
        calls = max(1, loaded.settings.rate_limit * client.share // WHOLE)
        click.echo(
            f"{client.alias}: {tokens}, at most {calls} of {loaded.settings.rate_limit} calls a window"
        )


def _entry(alias: str, token: str, share: int) -> str:
    try:
        return entry_of(alias, token, share)
    except ValueError as error:
        raise UserError(str(error)) from None
