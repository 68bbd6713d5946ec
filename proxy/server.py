"""One gateway process: serving, counting, draining."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any, Final, cast

import uvicorn

from core.clock import Clock
from core.settings import Settings
from core.tasks import spawn
from exporters.slots import WorkerSlot
from proxy.app import Gateway
from proxy.edge.protocol import BoundedProtocol, Bounds, bounded
from proxy.telemetry import Telemetry
from proxy.wiring import wired

_log = logging.getLogger(__name__)

_BEAT_SECONDS: Final = 1.0

# A client may have sent a request on an idle connection before it learns that we are going. Idle connections
# get this long to say something, and are told to close in the answer; a request in the kernel's buffer of a
# closed connection would be lost.
_LINGER_SECONDS: Final = 1.0


async def run_process(settings: Settings, sock: socket.socket, slot: int) -> None:
    """Serve on *sock* until cancelled, then drain: new connections go to the other processes, requests
    under way are answered. Raises SlotError when another live process counts in *slot*.
    """
    with WorkerSlot.open(settings.metrics_dir, slot, "proxy") as counters:
        async with wired(settings, counters) as (gateway, ready):
            bounds = Bounds(
                head_bytes=settings.max_head_bytes,
                head_seconds=settings.client_head_timeout_seconds,
                connections=settings.max_connections,
                telemetry=gateway.telemetry,
                shortcut=gateway.shortcut,
            )
            server = _Server(_config(gateway, bounds, settings), gateway)
            serving = spawn(server.serve(sockets=[sock]), name="serve")
            beating = spawn(_beat(counters, gateway.telemetry, gateway.clock), name="beat")
            looking = spawn(ready.watch(gateway.clock), name="ready")
            _log.info("proxy.started", extra={"slot": slot})
            try:
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                gateway.draining = True
                if gateway.shortcut is not None:
                    # From now on each answer says that it is the connection's last.
                    gateway.shortcut.is_on = False
                server.should_exit = True
                await serving
                _log.info("proxy.drained", extra={"slot": slot})
            finally:
                for task in (serving, beating, looking):
                    task.cancel()


async def _beat(counters: WorkerSlot, telemetry: Telemetry, clock: Clock) -> None:
    """Keep the lease, and the measure of how late this loop runs."""
    while True:
        counters.beat(clock.now())
        due = clock.monotonic() + _BEAT_SECONDS
        await clock.sleep(_BEAT_SECONDS)
        telemetry.lagged(max(0.0, clock.monotonic() - due))


def _config(gateway: Gateway, bounds: Bounds, settings: Settings) -> uvicorn.Config:
    # What it has to say is said by us, and with it come tracebacks of answers we broke off on purpose.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return uvicorn.Config(
        cast(Any, gateway),
        http=bounded(bounds),
        ws="none",
        lifespan="off",
        # Logging is set up already, and the access log is ours.
        log_config=None,
        access_log=False,
        # Cal.com's own Date and Server pass through; ours would double them.
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, round(settings.keepalive_seconds)),
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by us instead of by signals, and without losing what idle clients just sent."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._linger()
        await super().shutdown(sockets)
        if self.server_state.tasks:
            _log.warning("proxy.cut_short", extra={"requests": len(self.server_state.tasks)})

    async def _linger(self) -> None:
        clock = self._gateway.clock
        until = clock.monotonic() + _LINGER_SECONDS
        while self.server_state.connections and clock.monotonic() < until:
            await clock.sleep(0.05)
        # What arrived meanwhile was begun; what is idle now can go.
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol) and connection.is_idle():
                connection.transport.close()
