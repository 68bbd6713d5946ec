"""Wires the programs together on one machine: what `up`, `proxy`, `demo` and the acceptance tests start."""

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError

from calgate.handing import handed
from calgate.listeners import bind, free_listen, url_of
from calgate.readiness import status_of
from calgate.supervisor import ChildSpec, Supervisor, stop_leftovers
from core.clock import Clock, SystemClock
from core.embedded import EmbeddedPostgres, EmbeddedRedis, folders
from core.embedded.runfile import OwnerLock
from core.errors import UserError
from core.redis import capabilities, connect
from core.settings import Settings, child_environ
from core.tasks import raise_if_cancelled
from core.urls import EMBEDDED, join_listen, mask, split_listen

_log = logging.getLogger(__name__)

ALL_PARTS = ("proxy", "worker", "monitor")

# A process that has died this often before it was ever ready will not become ready.
_EARLY_DEATHS = 3
_SETTINGS_ARE_WRONG = 2
_POLL_SECONDS = 0.05
_PROXY_PROGRAM = ("-m", "calgate", "proxy-process")

# Beyond the drain itself: for closing connections and leaving.
_LEAVE_SECONDS = 5.0


class NotReady(UserError):
    """A program was started and does not answer; it may yet."""


class Died(NotReady):
    """A program keeps dying before it was ever ready; waiting longer is no use."""


@dataclasses.dataclass(frozen=True, slots=True)
class Urls:
    """Where to reach what runs. `monitor` is None when no monitor was asked for."""

    proxy: str
    monitor: str | None
    redis: str
    database: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Stores:
    """Settings whose `redis_url` and `database_url` can be connected to, and what is behind them."""

    settings: Settings
    redis_engine: str
    database_engine: str
    server_pids: Mapping[str, int]


@contextlib.asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """The embedded servers that `settings` ask for, started or joined, for as long as the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        update: dict[str, str] = {}
        engines = {
            "redis": mask(settings.redis_url),
            "database": "off" if settings.database_url is None else mask(settings.database_url),
        }
        pids: dict[str, int] = {}
        if settings.redis_url == EMBEDDED:
            redis = await stack.enter_async_context(EmbeddedRedis(settings.data_dir))
            update["redis_url"], engines["redis"], pids["redis"] = redis.url, redis.engine, redis.pid
        if settings.database_url == EMBEDDED:
            database = await stack.enter_async_context(EmbeddedPostgres(settings.data_dir))
            update["database_url"], engines["database"] = database.url, database.engine
            pids["postgres"] = database.pid
        yield Stores(settings.model_copy(update=update), engines["redis"], engines["database"], pids)


class Stack:
    """The gateway on this machine: stores, gateway processes on one socket, worker, monitor.

    `async with Stack(settings) as stack:` returns when everything answers, and stops all of it at the end.
    `ready_seconds=None` does not wait for readiness; call `wait_ready` when it suits. `parts` says which
    programs to run; `output` is a file for the children's standard output and error, ours if None;
    `proxy_program` are Python's arguments for a gateway process, to which --fd and --slot are added.
    Raises UserError: the folder is in use, a port is taken, a store cannot be had, NotReady.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        parts: Collection[str] = ALL_PARTS,
        ready_seconds: float | None = 30.0,
        output: Path | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        proxy_program: Sequence[str] = _PROXY_PROGRAM,
    ) -> None:
        self._asked = settings
        self._proxy_program = tuple(proxy_program)
        self._parts = tuple(part for part in ALL_PARTS if part in parts)
        self._ready_seconds = ready_seconds
        self._output = output
        self._environ = os.environ if environ is None else environ
        self._clock = clock or SystemClock()
        self._exit = contextlib.AsyncExitStack()
        self._stores: Stores | None = None
        self._supervisor: Supervisor | None = None
        self._proxy_url = ""
        self._was_ready = False

    @property
    def settings(self) -> Settings:
        """As the children have them: stores and ports resolved, `data_dir` absolute."""
        return self._running.settings

    @property
    def urls(self) -> Urls:
        settings = self.settings
        monitor = f"http://{settings.monitor_listen}" if "monitor" in self._parts else None
        return Urls(self._proxy_url, monitor, settings.redis_url, settings.database_url)

    @property
    def redis_engine(self) -> str:
        return self._running.redis_engine

    @property
    def database_engine(self) -> str:
        return self._running.database_engine

    def pids(self) -> dict[str, list[int]]:
        """Pids of the living children by role: `{"proxy": [71, 72], "worker": [73], "monitor": [74]}`."""
        found: dict[str, list[int]] = {part: [] for part in self._parts}
        if self._supervisor is not None:
            for name, pid in self._supervisor.pids().items():
                found[name.partition("-")[0]].append(pid)
        return found

    async def __aenter__(self) -> Self:
        try:
            await self._start()
            if self._ready_seconds is not None:
                await self.wait_ready(self._ready_seconds)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop children, then stores; a second call does nothing."""
        await self._exit.aclose()
        self._supervisor = None

    async def wait_ready(self, seconds: float) -> None:
        """Return when every program answers. Raises NotReady with what is known after `seconds`, and Died
        as soon as a program keeps dying.
        """
        waiting = self._probes()
        deadline = self._clock.monotonic() + seconds
        while True:
            answers = await asyncio.gather(*(status_of(url) for url in waiting.values()))
            raise_if_cancelled()
            waiting = {
                part: url
                for (part, url), status in zip(waiting.items(), answers, strict=True)
                if status != 200
            }
            if not waiting:
                self._was_ready = True
                return
            if not self._was_ready:
                self._raise_if_died()
            if self._clock.monotonic() >= deadline:
                raise NotReady(await self._why_not_ready(waiting))
            await self._clock.sleep(_POLL_SECONDS)

    @property
    def _running(self) -> Stores:
        if self._stores is None:
            raise RuntimeError("the stack has not been started")
        return self._stores

    async def _start(self) -> None:
        settings = self._asked
        folder = folders.prepare(settings.data_dir)
        self._take(OwnerLock(folder / "gateway.lock"), folder)
        runfile = folder / "children.json"
        # Before anything is bound: leftovers hold the port and the metric slots.
        await stop_leftovers(runfile, self._clock)
        listener = self._exit.enter_context(bind("proxy_listen", settings.proxy_listen))
        self._proxy_url = url_of(listener)
        update: dict[str, object] = {
            "data_dir": folder,
            "proxy_listen": join_listen(split_listen(settings.proxy_listen)[0], listener.getsockname()[1]),
        }
        if "monitor" in self._parts:
            update["monitor_listen"] = free_listen("monitor_listen", settings.monitor_listen)
        self._stores = await self._exit.enter_async_context(stores(settings.model_copy(update=update)))
        supervisor = Supervisor(
            self._specs(listener), runfile=runfile, clock=self._clock, output=self._open_output()
        )
        await supervisor.start()
        self._supervisor = supervisor
        self._exit.push_async_callback(supervisor.stop)

    def _take(self, lock: OwnerLock, folder: Path) -> None:
        if not lock.acquire():
            raise UserError(
                f"the data folder {folder} is in use by another gateway, process {lock.owner_pid()}; "
                "stop that one, or set CALGATE_DATA_DIR to another folder"
            )
        self._exit.callback(lock.release)

    def _open_output(self) -> int | None:
        return None if self._output is None else self._exit.enter_context(self._output.open("ab")).fileno()

    def _specs(self, listener: socket.socket) -> list[ChildSpec]:
        settings = self.settings
        secrets = self._exit.enter_context(handed(settings.secrets()))
        env = child_environ(settings, self._environ) | dict(secrets.environ)
        # -P: a folder called `proxy` where the user happens to stand must not be taken for ours.
        python = (sys.executable, "-P")
        drain = settings.drain_seconds + _LEAVE_SECONDS
        descriptor = listener.fileno()
        specs = []
        if "proxy" in self._parts:
            specs += [
                ChildSpec(
                    f"proxy-{slot}",
                    (*python, *self._proxy_program, "--fd", str(descriptor), "--slot", str(slot)),
                    env,
                    pass_fds=(descriptor, *secrets.descriptors),
                    grace_seconds=drain,
                )
                for slot in range(settings.workers)
            ]
        specs += [
            ChildSpec(
                part, (*python, "-m", "calgate", part), env, pass_fds=secrets.descriptors, grace_seconds=drain
            )
            for part in ("worker", "monitor")
            if part in self._parts
        ]
        return specs

    def _probes(self) -> dict[str, str]:
        probes = {"proxy": f"{self._proxy_url}/-/readyz"} if "proxy" in self._parts else {}
        if self.urls.monitor is not None:
            probes["monitor"] = f"{self.urls.monitor}/-/healthz"
        return probes

    def _raise_if_died(self) -> None:
        for name, codes in (self._supervisor.exit_codes() if self._supervisor else {}).items():
            if codes[-1] == _SETTINGS_ARE_WRONG or len(codes) >= _EARLY_DEATHS:
                where = (
                    f"its last words are in {self._output}" if self._output else "its last words are above"
                )
                raise Died(f"{name} ended with code {codes[-1]} before it was ready; {where}")

    async def _why_not_ready(self, waiting: Mapping[str, str]) -> str:
        missing = " and ".join(f"the {part} ({url})" for part, url in waiting.items())
        trouble = await redis_trouble(self.settings)
        return f"{missing} not ready yet{f': {trouble}' if trouble else ''}"

    def __repr__(self) -> str:
        return f"Stack(parts={self._parts}, proxy={self._proxy_url or 'not started'}, pids={self.pids()})"


async def redis_trouble(settings: Settings) -> str | None:
    """Why the Redis of `settings` cannot be used, with the way out; None when it can."""
    client = connect(settings.redis_url, client_name="calgate-check", account=settings.account)
    try:
        found = await capabilities(client)
    except (RedisError, OSError) as error:
        return (
            f"the Redis at {mask(settings.redis_url)} does not answer ({mask(str(error)) or type(error).__name__}); "
            "start it, or set CALGATE_REDIS_URL"
        )
    finally:
        await client.aclose()
    _log.info("redis.found", extra={"redis": str(found), "resp3": found.resp3, "tracking": found.tracking})
    return None
