"""`calgate monitor`: the daemon that watches."""

import click

from calgate.commands.options import settings_options, start_log
from calgate.composition import stores
from core.runner import run
from core.settings import Loaded, Settings


@click.command()
@settings_options
def monitor(loaded: Loaded) -> None:
    """Serve /metrics and the status page, and watch what they show."""
    settings = start_log(loaded, "monitor")
    run(_watch(settings))


async def _watch(settings: Settings) -> None:
    from monitor import daemon

    async with stores(settings) as found:
        await daemon.run(found.settings)
