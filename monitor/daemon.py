"""The monitor as a program: collectors on a timer, and an HTTP face that only reads what they know."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from core.clock import Clock, SystemClock
from core.errors import UserError
from core.redis import connect
from core.settings import Settings
from core.tasks import spawn
from core.urls import join_listen, reachable_host, split_listen
from monitor import scheduler
from monitor.watch import Watch
from monitor.web import View, application

if TYPE_CHECKING:
    from monitor.database import Database

_log = logging.getLogger(__name__)

_CLOSE_SECONDS = 3


async def run(
    settings: Settings,
    *,
    clock: Clock | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Watch until cancelled. `settings.redis_url` and `database_url` must be resolved, not "embedded".

    `on_listening` is told the URL once it answers. Raises UserError when the address cannot be had; a store
    that is not there is no error: the page says so.
    """
    clock = clock or SystemClock()
    with _listener(settings.monitor_listen) as sock:
        redis = connect(settings.redis_url, client_name="calgate-monitor", account=settings.account)
        database = _database(settings)
        watch = Watch(settings, redis, clock, None if database is None else database.read_indexes)
        try:
            async with scheduler.running(watch.timers(), clock):
                await serve(watch, sock, on_listening)
        finally:
            watch.close()
            await redis.aclose()
            if database is not None:
                await database.close()


def _database(settings: Settings) -> "Database | None":
    if settings.database_url is None:
        return None
    # A monitor without a database need not load its driver.
    from monitor.database import Database

    return Database(settings.database_url, settings.database_schema)


async def serve(view: View, sock: socket.socket, on_listening: Callable[[str], None] | None) -> None:
    """Answer on `sock` until cancelled, then finish what is being answered."""
    server = _Server(
        uvicorn.Config(
            application(view),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
    )
    host, port = sock.getsockname()[:2]
    url = f"http://{join_listen(reachable_host(host), port)}"
    _log.info("monitor.listening", extra={"url": url})
    if on_listening is not None:
        on_listening(url)
    serving = spawn(server.serve(sockets=[sock]), name="monitor.http")
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        _log.info("monitor.stopped")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program that runs us: it ends us by cancelling."""
        yield


@contextmanager
def _listener(listen: str) -> Iterator[socket.socket]:
    host, port = split_listen(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(128)
        except OSError as error:
            raise UserError(
                f"the monitor cannot listen on {listen} ({error.strerror}): "
                "stop what uses it, or set CALGATE_MONITOR_LISTEN to another HOST:PORT"
            ) from error
        yield sock
