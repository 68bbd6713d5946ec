"""The `calgate` command: finds the subcommand, and turns errors meant for people into plain messages."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from core.errors import UserError

_VISIBLE: Mapping[str, str] = {
    "demo": "Everything at once, with a simulated Cal.com and traffic: what to try first.",
    "up": "The gateway, its worker and its monitor, in front of the configured Cal.com.",
    "proxy": "Only the gateway processes, for a fleet.",
    "worker": "Only the background worker, for a fleet.",
    "monitor": "Only the monitor: /metrics and the status page.",
    "config": "The settings in effect, and where each came from.",
    "simulate": "A faithful stand-in for the Cal.com API.",
    "loadtest": "The promises, shown on the real programs before a simulated Cal.com.",
    "budget": "Who spends the calls to Cal.com, who waits, and why.",
    "clients": "Tokens for those who use a gateway that holds the key.",
    "cache": "Why cached answers go, make them go, compare them with Cal.com.",
    "indexes": "The database indexes the gateway's promises rest on.",
    "alerts": "Write the alerting rules and the Alertmanager file.",
    "dashboards": "Write the Grafana dashboards.",
}
_HIDDEN = ("proxy-process",)


class Refused(click.ClickException):
    """A message for the user instead of a traceback; exit code 2."""

    exit_code = 2


class Programs(click.Group):
    """Imports a subcommand's module only when it is asked for: a gateway process need not load Grafana's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VISIBLE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VISIBLE and cmd_name not in _HIDDEN:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"calgate.commands.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Programs"):
            formatter.write_dl(list(_VISIBLE.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise Refused(str(error)) from None


@click.group(cls=Programs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="calgate")
def cli() -> None:
    """A gateway for the Cal.com API that never offers a taken slot, never trips the rate limit, and proves both."""


def main() -> None:
    """The console script."""
    cli(prog_name="calgate")
