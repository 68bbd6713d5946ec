"""`calgate proxy-process`: one gateway process on an inherited socket; started by `up` and `proxy` alone."""

import socket

import click

from calgate.commands.options import settings_options, start_log
from core.errors import UserError
from core.runner import run
from core.settings import Loaded
from core.urls import EMBEDDED


@click.command(name="proxy-process", hidden=True)
@click.option("--fd", type=int, required=True, help="The listening socket, inherited.")
@click.option("--slot", type=int, required=True, help="Which slot of the metrics to count in.")
@settings_options
def proxy_process(loaded: Loaded, fd: int, slot: int) -> None:
    """One gateway process."""
    settings = start_log(loaded, "proxy")
    if settings.redis_url == EMBEDDED:
        raise UserError(
            "proxy-process needs a redis_url that is resolved; run `calgate up` or `calgate proxy`"
        )
    try:
        listener = socket.socket(fileno=fd)
    except OSError:
        raise UserError(
            f"--fd {fd} is not an inherited socket; run `calgate up` or `calgate proxy`"
        ) from None
    from proxy.server import run_process

    run(run_process(settings, listener, slot))
