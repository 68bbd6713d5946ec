"""`calgate loadtest fuzz`: bytes no client should send, and an upstream behind that keeps what it gets."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import orjson

from calgate.composition import Stack
from core import log
from core.clock import SystemClock
from core.runner import run
from core.settings import Settings
from loadtest.fuzz.recorder import recording
from loadtest.fuzz.run import HEAD_SECONDS, IDLE_SECONDS, Outcome
from loadtest.fuzz.run import run as fuzzed


@click.command()
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--case", "cases", type=int, multiple=True, metavar="N", help="Only this one; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def fuzz(*, seconds: float, seed: int, cases: tuple[int, ...], as_json: bool) -> None:
    """Bytes no client should send: nothing is smuggled, nothing breaks, nothing hangs.

    Each find is printed with its case and the bytes that bring it about.
    """
    log.configure("error", "console", program="loadtest")
    found = run(_played(seed, seconds, cases))
    if found is None:
        raise SystemExit(130)
    report = found.report()
    if as_json:
        finds = [one.as_json() for one in found.finds]
        click.echo(orjson.dumps({**report.as_json(), "finds": finds}).decode())
    else:
        click.echo("\n".join([*report.lines(), *(line for one in found.finds for line in one.lines())]))
    # Of a single case it is not asked that it is passed on.
    if found.finds or not (cases or report.passed):
        raise SystemExit(1)


async def _played(seed: int, seconds: float, cases: tuple[int, ...]) -> Outcome:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="calgate-") as folder:
        _tell("starting the gateway")
        async with recording() as recorder:
            plain: dict[str, Any] = {
                "upstream_url": recorder.url,
                "proxy_listen": "127.0.0.1:0",
                "data_dir": Path(folder) / "gateway",
                "workers": 1,
                "log_level": "warning",
                "access_log": "off",
                "account_map_seconds": 0,
                "rate_limit": 100_000,
                "rate_pace_per_second": 100_000,
                "max_head_bytes": 8_192,
                "client_head_timeout_seconds": HEAD_SECONDS,
                "keepalive_seconds": IDLE_SECONDS,
            }
            output = Path(folder) / "gateway.log"
            async with Stack(Settings(**plain), parts=("proxy",), output=output, clock=clock) as stack:
                (pid,) = stack.pids()["proxy"]
                return await fuzzed(
                    stack.urls.proxy,
                    recorder,
                    clock,
                    _tell,
                    seed=seed,
                    seconds=seconds,
                    numbers=cases,
                    pid=pid,
                )


def _tell(line: str) -> None:
    click.echo(line, err=True)
