"""`make bench`: a cached answer from the gateway beside nginx and Varnish, in one run, as ratios."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from core.clock import SystemClock
from loadtest.bench import clearing, servers
from loadtest.client import Client

Starter = Callable[[str, Path, int], AbstractContextManager[str]]
CONTENDERS: dict[str, Starter] = {
    "calgate": servers.gateway,
    "calgate, logging": servers.logging_gateway,
    "calgate, asking Redis": servers.asking_gateway,
    "nginx": servers.nginx,
    "varnish": servers.varnish,
}
REFERENCES = ("nginx", "varnish")

_LATENCY = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second, and the seconds within which 99 of 100 came."""

    rate: float
    p99: float


def measured(origin: str, *, connections: int, seconds: float, core: int) -> Figures:
    """One turn, by wrk where there is one: the load generator must not be what is measured."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return asyncio.run(measure(origin, connections=connections, seconds=seconds))
    asyncio.run(warm(origin))
    argv = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    argv += ["-H", ": ".join(servers.VERSION), origin + servers.TARGET]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    if rate is None or p99 is None or "Non-2xx" in told:
        raise click.ClickException(f"wrk saw something odd at {origin}:\n{told}")
    return Figures(float(rate[1]), float(p99[1]) * _LATENCY[p99[2]])


async def warm(origin: str) -> None:
    """Have the answer cached, and the way to it learned."""
    clock = SystemClock()
    headers = dict([servers.VERSION])
    async with Client(origin, connections=1, timeout=10) as client:
        await servers.answering(client)
        for _ in range(20):
            await client.get(servers.TARGET, headers)
            await clock.sleep(0.02)


async def measure(origin: str, *, connections: int, seconds: float) -> Figures:
    """The same with our own client, which is far slower than what it measures."""
    clock = SystemClock()
    headers = dict([servers.VERSION])
    async with Client(origin, connections=connections, timeout=10) as client:
        await servers.answering(client)
        until = clock.monotonic() + seconds
        turns = await asyncio.gather(*(_loop(client, headers, clock, until) for _ in range(connections)))
    waits = sorted(wait for turn in turns for wait in turn)
    return Figures(len(waits) / seconds, waits[int(len(waits) * 0.99)])


async def _loop(client: Client, headers: dict[str, str], clock: SystemClock, until: float) -> list[float]:
    waits = []
    while clock.monotonic() < until:
        answer = await client.get(servers.TARGET, headers)
        if answer.status != 200:
            raise click.ClickException(f"{client.origin} answered {answer.status} in the middle of the run")
        waits.append(answer.ended - answer.started)
    return waits


def round_of(
    names: list[str], *, connections: int, seconds: float, cores: tuple[int, int]
) -> dict[str, Figures]:
    """One turn for each contender, each alone on the first core; load and stand-in use the second."""
    figures: dict[str, Figures] = {}
    for name in names:
        with (
            tempfile.TemporaryDirectory() as folder,
            servers.stand_in(cores[1]) as upstream,
            CONTENDERS[name](upstream, Path(folder), cores[0]) as origin,
        ):
            figures[name] = measured(origin, connections=connections, seconds=seconds, core=cores[1])
        one = figures[name]
        click.echo(f"  {name:22} {one.rate:9.0f} answers/s, 99 % within {one.p99 * 1000:.2f} ms", err=True)
    return figures


@click.command()
@click.option(
    "--connections", multiple=True, default=(16, 64), show_default=True, help="Keep-alive connections."
)
@click.option("--seconds", default=3.0, show_default=True, help="Length of each turn.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each contender, interleaved.")
@click.option("--clears", default=20, show_default=True, help="Clearings of each kind; 0 for none.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(connections: tuple[int, ...], seconds: float, rounds: int, clears: int, as_json: bool) -> None:
    """Compare a cached slots answer (5 KB) from Calgate, nginx proxy_cache and Varnish, and what it takes to clear
    all that one booking conflicts with.

    Each runs alone, pinned to one core, with the load on another. Absolute figures say little: machines
    differ. Read the ratios, which are medians over the rounds.
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
    names += [name for name in CONTENDERS if name.startswith("calgate")]
    found = []
    for count in connections:
        turns = []
        for number in range(1, rounds + 1):
            click.echo(f"{count} connections, round {number} of {rounds}", err=True)
            turns.append(round_of(names, connections=count, seconds=seconds, cores=cores))
        found += [_row(name, count, turns) for name in names]
    cleared: list[clearing.Row] = []
    if clears:
        click.echo("clearing a conflict set", err=True)
        with tempfile.TemporaryDirectory() as folder:
            cleared, missing_too = clearing.figures(Path(folder), clears, cores)
        skipped |= missing_too
    if as_json:
        click.echo(
            json.dumps({"figures": found, "clearing": [asdict(row) for row in cleared], "left_out": skipped})
        )
        return
    for row in found:
        ratios = "".join(
            f"{row[f'ratio_to_{one}']:6.2f} x {one}" for one in REFERENCES if row[f"ratio_to_{one}"]
        )
        slower = f", 99 % within {row['p99_ratio_to_nginx']:.2f} x nginx's" if row["ratio_to_nginx"] else ""
        click.echo(
            f"{row['connections']:4} {row['name']:22} {row['answers_per_second']:9.0f} answers/s{ratios}{slower}"
        )
    for one in sorted(cleared, key=lambda row: row.cleared):
        ratio = f"{one.ratio_to_ours:7.1f} x calgate's"
        click.echo(f"{one.cleared:4} cleared, {one.name:26} {one.seconds * 1000:9.3f} ms {ratio}")


def _row(name: str, connections: int, turns: list[dict[str, Figures]]) -> dict[str, Any]:
    """The medians of one contender, and its ratios to the references in the same round; 0 to one that is left out."""
    row: dict[str, Any] = {
        "name": name,
        "connections": connections,
        "answers_per_second": statistics.median(turn[name].rate for turn in turns),
        "p99_seconds": statistics.median(turn[name].p99 for turn in turns),
    }
    for one in REFERENCES:
        pairs = [(turn[name], turn[one]) for turn in turns if one in turn]
        row[f"ratio_to_{one}"] = (
            statistics.median(ours.rate / its.rate for ours, its in pairs) if pairs else 0.0
        )
        row[f"p99_ratio_to_{one}"] = (
            statistics.median(ours.p99 / its.p99 for ours, its in pairs) if pairs else 0.0
        )
    return row


if __name__ == "__main__":
    sys.exit(main())
