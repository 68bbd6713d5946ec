"""The simulator as a running program: two ports, one event loop."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calcom.simulator.admin import admin_app
from calcom.simulator.app import TRANSPORT, Application
from calcom.simulator.clock import SimClock
from calcom.simulator.options import OptionsError, SimulatorOptions, parse_listen
from calcom.simulator.simulation import Simulation

log = logging.getLogger(__name__)

_BACKLOG: Final = 2048
#: Real seconds that requests under way get to finish when the simulator stops.
_GRACE_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a simulator really listens."""

    url: str
    admin_url: str

    def write(self, path: Path) -> None:
        """Write the ports file in one step, so that a reader sees all of it or nothing."""
        text = json.dumps({"url": self.url, "admin_url": self.admin_url, "pid": os.getpid()})
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(text + "\n")
        partial.replace(path)


class _Protocol(HttpToolsProtocol):
    """Leaves the connection in the scope, for faults that happen below HTTP.

    And passes over offers to upgrade, as Cal.com's server does: to the parser alone the body of a request that comes
    with one, which Java's client sends, is no HTTP any more.
    """

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":
                self.send_400_response("Nobody is connected here.")
                return
            head = self._without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.data_received(head + data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _without_offer(self) -> bytes:
        """The head just read, as it would be had nothing been offered."""
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join((line, *fields, b"\r\n"))

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[typeddict-unknown-key]


class _Server(uvicorn.Server):
    """Signals belong to whoever runs us; stopping is by cancellation of `serve`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        #: Set once connections are accepted.
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def _bind(listen: str, option: str) -> socket.socket:
    host, port = parse_listen(listen, option=option)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise OptionsError(
            f"{option}: cannot listen on {listen}: {error.strerror or error}; choose another port, or port 0 for any"
        ) from error
    return sock


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: Callable[..., Awaitable[Any]]) -> _Server:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=65536,
    )
    return _Server(config)


async def serve(
    options: SimulatorOptions,
    *,
    clock: SimClock | None = None,
    simulation: Simulation | None = None,
    started: Callable[[Ports], None] | None = None,
) -> None:
    """Run a simulator until cancelled; one that is there already, or a new one by this `clock`.

    `started` is called, and the ports file written, once both ports accept connections. Raises OptionsError when a
    port cannot be had."""
    api_socket = _bind(options.listen, "listen")
    try:
        admin_socket = _bind(options.admin_listen, "admin_listen")
    except OptionsError:
        api_socket.close()
        raise
    simulation = simulation or Simulation(options, clock or SimClock(speed=options.speed))
    api = _server(Application(simulation))
    admin = _server(admin_app(simulation))
    ports = Ports(_url(api_socket), _url(admin_socket))
    try:
        async with asyncio.TaskGroup() as group:
            servers = [
                group.create_task(api.serve([api_socket]), name="simulator-api"),
                group.create_task(admin.serve([admin_socket]), name="simulator-admin"),
            ]
            webhooks = group.create_task(simulation.webhooks.run(), name="simulator-webhooks")
            await api.up.wait()
            await admin.up.wait()
            if options.ports_file is not None:
                ports.write(options.ports_file)
            if started is not None:
                started(ports)
            log.info("simulator.started", extra={"url": ports.url, "admin_url": ports.admin_url})
            try:
                await asyncio.wait(servers, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Cancelled outright, a uvicorn server would leave its connections open; asked, it closes them.
                api.should_exit = admin.should_exit = True
                webhooks.cancel()
                await asyncio.wait(servers)
    finally:
        simulation.journal.close()
        for sock in (api_socket, admin_socket):
            sock.close()
