"""`calgate up`: the whole gateway on one machine, in front of the configured Cal.com."""

import asyncio

import click

from calgate.commands.options import settings_options, start_log
from calgate.composition import Died, NotReady, Stack
from core.runner import run
from core.settings import Loaded

# The first word comes soon: whoever looks at a silent terminal wonders.
_FIRST_WORD_SECONDS = 5.0
_NEXT_WORD_SECONDS = 30.0


@click.command()
@settings_options
def up(loaded: Loaded) -> None:
    """Start the gateway, its worker and its monitor, and whatever servers are `embedded`."""
    settings = start_log(loaded, "supervisor")
    run(serve(Stack(settings, ready_seconds=None)))


async def serve(stack: Stack) -> None:
    """Run `stack` until cancelled; print where it is once it is ready.

    What is not ready in time (Redis is away, say) is told, and waited for: the store may come back, and a
    process that gave up would have to be started again by hand.
    """
    async with stack:
        seconds = _FIRST_WORD_SECONDS
        while not await _ready(stack, seconds):
            seconds = _NEXT_WORD_SECONDS
        click.echo(summary(stack))
        await asyncio.Event().wait()


async def _ready(stack: Stack, seconds: float) -> bool:
    try:
        await stack.wait_ready(seconds)
    except Died:
        raise
    except NotReady as error:
        click.echo(f"Still waiting: {error}", err=True)
        return False
    return True


def summary(stack: Stack) -> str:
    """What to open and what it stands on, as one block."""
    urls, settings = stack.urls, stack.settings
    rows = [("gateway", f"{urls.proxy} in front of {settings.upstream_url}")]
    if urls.monitor is not None:
        rows += [("status", f"{urls.monitor}/"), ("metrics", f"{urls.monitor}/metrics")]
    rows += [
        ("redis", stack.redis_engine),
        ("database", stack.database_engine),
        ("data", str(settings.data_dir)),
        ("processes", ", ".join(f"{len(pids)} {role}" for role, pids in stack.pids().items())),
    ]
    lines = [f"  {name:<10} {text}" for name, text in rows]
    return "\n".join(
        ["", "Calgate is ready.", "", *lines, "", f"Set your Cal.com base URL to {urls.proxy}", ""]
    )
