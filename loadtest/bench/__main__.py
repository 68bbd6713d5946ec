"""`make bench`: a cached answer from the gateway beside nginx and Varnish, in one run, as ratios."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from core.clock import SystemClock
from loadtest.bench import servers
from loadtest.client import Client, ClientError

Starter = Callable[[str, Path, int], AbstractContextManager[str]]
CONTENDERS: dict[str, Starter] = {
    "calgate": servers.gateway,
    "nginx": servers.nginx,
    "varnish": servers.varnish,
}
REFERENCE = "nginx"


async def measure(origin: str, *, connections: int, seconds: float) -> float:
    """Answers a second over *connections* keep-alive connections, after one answer has been fetched."""
    clock = SystemClock()
    headers = dict([servers.VERSION])
    async with Client(origin, connections=connections, timeout=10) as client:
        await _first_answer(client, headers, clock)
        until = clock.monotonic() + seconds
        counts = await asyncio.gather(*(_loop(client, headers, clock, until) for _ in range(connections)))
    return sum(counts) / seconds


async def _first_answer(client: Client, headers: dict[str, str], clock: SystemClock) -> None:
    give_up = clock.monotonic() + 30
    while True:
        try:
            if (await client.get(servers.TARGET, headers)).status == 200:
                return
        except ClientError:
            if clock.monotonic() > give_up:
                raise
        await clock.sleep(0.1)


async def _loop(client: Client, headers: dict[str, str], clock: SystemClock, until: float) -> int:
    done = 0
    while clock.monotonic() < until:
        answer = await client.get(servers.TARGET, headers)
        if answer.status != 200:
            raise click.ClickException(f"{client.origin} answered {answer.status} in the middle of the run")
        done += 1
    return done


def round_of(
    names: list[str], *, connections: int, seconds: float, cores: tuple[int, int]
) -> dict[str, float]:
    """One turn for each contender, each alone on the first core; load and stand-in use the second."""
    figures: dict[str, float] = {}
    for name in names:
        with (
            tempfile.TemporaryDirectory() as folder,
            servers.stand_in(cores[1]) as upstream,
            CONTENDERS[name](upstream, Path(folder), cores[0]) as origin,
        ):
            figures[name] = asyncio.run(measure(origin, connections=connections, seconds=seconds))
        click.echo(f"  {name:8} {figures[name]:10.0f} answers/s", err=True)
    return figures


@click.command()
@click.option("--connections", default=16, show_default=True, help="Keep-alive connections.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of each turn.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each contender, interleaved.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(connections: int, seconds: float, rounds: int, as_json: bool) -> None:
    """Compare a cached slots answer (5 KB) from Calgate, nginx proxy_cache and Varnish.

    Each runs alone, pinned to one core, with the load on another. Absolute figures say little: machines
    differ, and the load generator is Python. Read the ratios, which are medians over the rounds.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 0]
    cores = (usable[0], usable[-1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores[1]})
    names, skipped = [], {}
    for name, (binary, package) in {"nginx": ("nginx", "nginx"), "varnish": ("varnishd", "varnish")}.items():
        try:
            servers.program(binary, package)
            names.append(name)
        except servers.Missing as missing:
            skipped[name] = str(missing)
            click.echo(f"left out: {missing}", err=True)
    names.append("calgate")
    turns = []
    for number in range(1, rounds + 1):
        click.echo(f"round {number} of {rounds}", err=True)
        turns.append(round_of(names, connections=connections, seconds=seconds, cores=cores))
    medians = {name: statistics.median(turn[name] for turn in turns) for name in names}
    ratios = {
        name: statistics.median(turn[name] / turn[REFERENCE] for turn in turns)
        for name in names
        if REFERENCE in names
    }
    if as_json:
        click.echo(json.dumps({"answers_per_second": medians, "ratio_to_nginx": ratios, "left_out": skipped}))
        return
    for name in names:
        ratio = f"{ratios[name]:5.2f} x nginx" if name in ratios else ""
        click.echo(f"{name:8} {medians[name]:10.0f} answers/s  {ratio}")


if __name__ == "__main__":
    sys.exit(main())
