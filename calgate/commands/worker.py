"""`calgate worker`: the background worker."""

import click

from calgate.commands.options import settings_options, start_log
from calgate.composition import stores
from core.runner import run
from core.settings import Loaded, Settings


@click.command()
@click.option(
    "--slot", type=click.IntRange(0, 255), default=0, help="One per worker that shares a data folder."
)
@settings_options
def worker(loaded: Loaded, slot: int) -> None:
    """Do the background jobs: clean memory after bookings, retry what failed."""
    settings = start_log(loaded, "worker")
    run(_work(settings, slot))


async def _work(settings: Settings, slot: int) -> None:
    from proxy.jobs import worker as jobs

    async with stores(settings) as found:
        await jobs.run(found.settings, slot)
