"""A real Prometheus and a real Alertmanager on loopback, between a page of metrics and a sink for
webhooks.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alerts.bundle import ROUTING_FILE, bundle
from alerts.files import write
from alerts.routing import Receivers
from alerts.rule_tests import RULES_FILE
from tests.tools import require_tool

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Notification:
    """One webhook as it was received: `path` tells the receiver."""

    path: str
    body: dict[str, Any]

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The alerts of that name in it."""
        return [alert for alert in self.body["alerts"] if alert["labels"]["alertname"] == name]


Inbox = asyncio.Queue[Notification]


@asynccontextmanager
async def pipeline(directory: Path, metrics: Callable[[], str]) -> AsyncIterator[Inbox]:
    """Start everything with 1 s intervals and our own rules and routing; yields where notifications
    arrive.
    """
    prometheus = require_tool("prometheus", "prometheus")
    alertmanager = require_tool("prometheus-alertmanager", "prometheus-alertmanager")
    inbox: Inbox = asyncio.Queue()
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(_serve(lambda _path, _body: metrics()))
        sink = await stack.enter_async_context(_serve(_receive(inbox)))
        receivers = Receivers(*(f"{sink}/{name}" for name in ("pager", "ticket", "heartbeat")))
        write(directory, bundle(receivers=receivers))
        delivery = f"127.0.0.1:{free_port()}"
        config = directory / "prometheus.yml"
        config.write_text(_prometheus(directory, page.removeprefix("http://"), delivery))
        await stack.enter_async_context(
            program(
                directory / "alertmanager.log",
                alertmanager,
                f"--config.file={directory / ROUTING_FILE}",
                f"--storage.path={directory / 'alertmanager'}",
                f"--web.listen-address={delivery}",
                "--cluster.listen-address=",
            )
        )
        await stack.enter_async_context(
            program(
                directory / "prometheus.log",
                prometheus,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{free_port()}",
                # What is sent before Alertmanager listens is lost; the default repeats it after a minute.
                "--rules.alert.resend-delay=1s",
            )
        )
        yield inbox


async def received(inbox: Inbox, name: str) -> Notification:
    """The first notification that holds an alert of that name; others on the way are passed over."""
    while True:
        notification = await inbox.get()
        if notification.alerts(name):
            return notification


def _prometheus(directory: Path, target: str, delivery: str) -> str:
    """The shipped configuration with this machine's addresses and the shortest intervals."""
    shipped = Path(__file__).parents[2] / "deploy" / "prometheus.yml"
    config = yaml.safe_load(shipped.read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    config["rule_files"] = [str(directory / RULES_FILE)]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [delivery]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    return yaml.safe_dump(config)


def _receive(inbox: Inbox) -> Callable[[str, bytes], str]:
    def handle(path: str, body: bytes) -> str:
        inbox.put_nowait(Notification(path, json.loads(body)))
        return ""

    return handle


@asynccontextmanager
async def _serve(answer: Callable[[str, bytes], str]) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            text = answer(head[0].split(" ")[1], body).encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\ncontent-type: {_TYPE}\r\ncontent-length: {len(text)}\r\n"
                "connection: close\r\n\r\n".encode()
                + text
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other program has been stopped
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def program(log: Path, *command: str) -> AsyncIterator[None]:
    """Run a program until the block ends, its output in `log`."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def free_port() -> int:
    """A port nobody has right now; neither program can be told to choose one and say which."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
