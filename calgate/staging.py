"""What a scenario of `calgate loadtest` is played on: a simulated Cal.com, and the whole gateway before it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from calcom.simulator.server import Ports, serve
from calcom.simulator.simulation import Simulation
from calgate.composition import Stack
from core.clock import Clock
from core.embedded import EmbeddedRedis
from core.embedded.runfile import read_json
from core.errors import UserError
from core.restart import RestartPolicy
from core.settings import Settings
from core.tasks import spawn
from loadtest.client import Client
from loadtest.scenarios.stage import Needs, Simulator, Stage

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
# The oracle may think for a while about a long history.
_ADMIN_SECONDS = 300.0


@contextlib.asynccontextmanager
async def stage(folder: Path, needs: Needs, clock: Clock) -> AsyncIterator[Stage]:
    """A simulator and the gateway before it, as *needs* says, on free ports and with a Redis of their own; nothing
    of it is left at the end. Raises UserError when something does not start; the logs are in *folder*.
    """
    where = simulator(folder, needs.simulator, clock) if needs.own is None else _inside(needs.own)
    # Its keeper is here, so that it can be told to take its time.
    policy = RestartPolicy(first_seconds=needs.redis_rests) if needs.redis_rests else RestartPolicy()
    keeper = EmbeddedRedis(folder / "redis", policy=policy)
    async with where as simulated, keeper as redis:
        plain: dict[str, Any] = {
            "upstream_url": simulated.url,
            "redis_url": redis.url,
            "proxy_listen": "127.0.0.1:0",
            "monitor_listen": "127.0.0.1:0",
            "data_dir": folder / "gateway",
            "log_level": "warning",
            # The budget is another scenario's matter.
            "rate_limit": 100_000,
            "rate_pace_per_second": 100_000,
        }
        settings = Settings(**(plain | dict(needs.settings)))
        program: dict[str, Any] = {}
        if needs.without is not None or needs.ahead:
            what = (needs.without or "nothing", "--ahead", str(needs.ahead))
            program["proxy_program"] = ("-m", "loadtest.scenarios.sabotage", *what)
        async with Stack(
            settings, parts=needs.parts, output=folder / "gateway.log", clock=clock, **program
        ) as stack:
            account = stack.settings.account
            yield Stage(
                stack.urls.proxy, simulated, redis.url, account, stack.pids,
                kill_redis=lambda: os.kill(redis.pid, signal.SIGKILL),
            )  # fmt: skip


@contextlib.asynccontextmanager
async def _inside(simulation: Simulation) -> AsyncIterator[Simulator]:
    """A simulator in this process, on the ports that its options name."""
    started: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    serving = spawn(
        serve(simulation.options, simulation=simulation, started=started.set_result), name="simulator"
    )
    try:
        waiting: set[asyncio.Future[Any]] = {started, serving}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            await serving
        ports = started.result()
        async with Client(ports.admin_url, connections=4, timeout=_ADMIN_SECONDS) as admin:
            yield Simulator(ports.url, admin)
    finally:
        serving.cancel()
        await asyncio.wait({serving})


@contextlib.asynccontextmanager
async def simulator(folder: Path, flags: tuple[str, ...], clock: Clock) -> AsyncIterator[Simulator]:
    """`calgate simulate` as a program of its own, on free ports. Raises UserError when it does not start."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ports = folder / "ports.json"
    listen = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ports-file", str(ports))
    with (folder / "simulator.log").open("wb") as output:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "calgate", "simulate", *listen, *flags,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = clock.monotonic() + _READY_SECONDS
        while not (where := read_json(ports)):
            if program.returncode is not None or clock.monotonic() > deadline:
                words = (folder / "simulator.log").read_text(errors="replace")[-500:]
                raise UserError(f"the simulated Cal.com does not start: {words}")
            await clock.sleep(_POLL_SECONDS)
        async with Client(str(where["admin_url"]), connections=4, timeout=_ADMIN_SECONDS) as admin:
            yield Simulator(str(where["url"]), admin)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()
