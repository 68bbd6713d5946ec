"""`calgate proxy`: only the gateway processes, for a fleet that shares a Redis."""

import click

from calgate.commands.options import settings_options, start_log
from calgate.commands.up import serve
from calgate.composition import Stack
from core.runner import run
from core.settings import Loaded


@click.command()
@settings_options
def proxy(loaded: Loaded) -> None:
    """Start only the gateway processes: as many as `workers` says, on one shared socket."""
    settings = start_log(loaded, "supervisor")
    run(serve(Stack(settings, parts=("proxy",), ready_seconds=None)))
