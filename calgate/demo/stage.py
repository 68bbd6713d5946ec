"""The demo's programs: a simulated Cal.com and the whole gateway before it, started and cleared away."""

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

from calgate.composition import Stack
from calgate.demo.ports import choose
from calgate.demo.wishes import Wishes, settings_for
from calgate.readiness import status_of
from calgate.supervisor import ChildSpec, Supervisor, stop_leftovers
from core import log
from core.clock import Clock
from core.embedded import folders
from core.embedded.runfile import OwnerLock
from core.errors import UserError
from core.postgres import connect
from core.settings import Loaded, Settings, child_environ
from monitor.indexes.apply import apply
from monitor.indexes.reference import REFERENCE_SCHEMA, create

SIMULATOR_LISTEN = "127.0.0.1:8090"
SIMULATOR_ADMIN_LISTEN = "127.0.0.1:8091"

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_APPOINTMENTS = 5_000

# Begins a step of the start-up under a name; leaving the context ends it; what it yields takes the closing words.
Step = Callable[[str], AbstractContextManager[Callable[[str], None]]]


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What runs, and where."""

    stack: Stack
    simulator_url: str
    simulator_admin_url: str

    @property
    def settings(self) -> Settings:
        """The gateway's, with stores and ports resolved."""
        return self.stack.settings


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Where everything will be, decided before anything starts. `moved` tells of ports that were taken."""

    settings: Settings
    simulator: str
    simulator_admin: str
    log_file: Path
    moved: tuple[str, ...]


class SimulatorFailed(UserError):
    """The simulated Cal.com did not start."""


def plan(wishes: Wishes) -> Plan:
    """Choose the ports and make the settings. Raises SettingsError, and ListenError for an address that is not ours.

    A port that somebody asked for is used or refused by name later; only the usual ones give way.
    """
    moved: list[str] = []

    def place(what: str, setting: str, usual: str, taken: list[str]) -> str:
        chosen = choose(setting, usual, taken=taken)
        if chosen != usual:
            moved.append(f"{usual} is taken; the {what} is at {chosen}")
        return chosen

    simulator = place("simulated Cal.com", "listen", SIMULATOR_LISTEN, [])
    admin = place("simulator's admin port", "admin_listen", SIMULATOR_ADMIN_LISTEN, [simulator])
    loaded = settings_for(wishes, upstream_url=f"http://{simulator}", account=f"demo-{secrets.token_hex(4)}")
    listens: dict[str, str] = {}
    for name, what in (("proxy_listen", "gateway"), ("monitor_listen", "status page")):
        wanted = getattr(loaded.settings, name)
        if _is_default(loaded, name):
            listens[name] = place(what, name, wanted, [simulator, admin, *listens.values()])
    settings = loaded.settings.model_copy(update=listens)
    log_file = settings.data_dir.parent / "demo.log"
    return Plan(settings, simulator, admin, log_file, tuple(moved))


def _is_default(loaded: Loaded, name: str) -> bool:
    return loaded.origins[name] == "the default"


@contextlib.asynccontextmanager
async def stage(chosen: Plan, wishes: Wishes, step: Step, clock: Clock) -> AsyncIterator[Stage]:
    """Start everything, each part under a step, and stop and remove everything at the end, also when cancelled.

    Raises UserError; the log then stays, and the message may point to it.
    """
    settings = chosen.settings
    folder = folders.prepare(settings.data_dir)
    try:
        async with contextlib.AsyncExitStack() as exits:
            _take(exits, folder)
            output = exits.enter_context(chosen.log_file.open("w", encoding="utf-8"))
            log.configure(settings.log_level, settings.log_format, program="demo", stream=output)
            runfile = folder / "simulator.json"
            await stop_leftovers(runfile, clock)
            with step("a Cal.com, simulated") as done:
                supervisor = Supervisor(
                    [_simulator(chosen, wishes)], runfile=runfile, clock=clock, output=output.fileno()
                )
                await supervisor.start()
                exits.push_async_callback(supervisor.stop)
                await _answering(
                    f"http://{chosen.simulator_admin}/healthz", supervisor, chosen.log_file, clock
                )
                done(f"seed {wishes.seed}, {_speed(wishes.speed)}")
            stack = Stack(settings, ready_seconds=None, output=chosen.log_file, clock=clock)
            with step("Redis and PostgreSQL") as done:
                await exits.enter_async_context(stack)
                done(f"{stack.redis_engine}, {stack.database_engine}")
            with step("database indexes") as done:
                done(await _indexes(stack.settings.database_url, clock))
            with step("gateway, worker, monitor") as done:
                await stack.wait_ready(_READY_SECONDS)
                running = stack.pids()
                done(f"{len(running['proxy'])} gateway processes on one port")
            yield Stage(stack, f"http://{chosen.simulator}", f"http://{chosen.simulator_admin}")
    except asyncio.CancelledError:
        _forget(chosen)
        raise
    _forget(chosen)


def _forget(chosen: Plan) -> None:
    """Remove what is left when nothing went wrong: the log, and the data folder if nobody else uses it."""
    chosen.log_file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: somebody's own gateway lives there too
        chosen.settings.data_dir.parent.rmdir()


def _take(exits: contextlib.AsyncExitStack, folder: Path) -> None:
    """Make the folder ours until the end, and remove it then."""
    lock = OwnerLock(folder / "demo.lock")
    if not lock.acquire():
        raise UserError(
            f"another demo runs in {folder}, process {lock.owner_pid()}; stop that one, "
            "or set CALGATE_DATA_DIR to another folder"
        )
    exits.callback(lock.release)
    exits.callback(shutil.rmtree, folder, ignore_errors=True)


def _simulator(chosen: Plan, wishes: Wishes) -> ChildSpec:
    argv = (
        sys.executable, "-m", "calgate", "simulate",
        "--listen", chosen.simulator,
        "--admin", chosen.simulator_admin,
        "--speed", f"{wishes.speed:g}",
        "--seed", str(wishes.seed),
    )  # fmt: skip
    return ChildSpec("simulator", argv, child_environ(chosen.settings, os.environ))


async def _answering(url: str, supervisor: Supervisor, log_file: Path, clock: Clock) -> None:
    deadline = clock.monotonic() + _READY_SECONDS
    while await status_of(url) != 200:
        if supervisor.exit_codes():
            raise SimulatorFailed(f"the simulated Cal.com ended at once; its last words are in {log_file}")
        if clock.monotonic() >= deadline:
            raise SimulatorFailed(
                f"the simulated Cal.com does not answer after {_READY_SECONDS:g} s; see {log_file}"
            )
        await clock.sleep(_POLL_SECONDS)


async def _indexes(url: str | None, clock: Clock) -> str:
    """Make the reference schema with made-up appointments, and the report's indexes in it."""
    assert url is not None, "the demo's database is embedded"
    connection = await connect(url, application_name="calgate demo", statement_timeout_seconds=60)
    try:
        await create(connection, _APPOINTMENTS)
    finally:
        await connection.close()
    steps = await apply(url, clock=clock, schema=REFERENCE_SCHEMA)
    return f"{len(steps)} built among {_APPOINTMENTS:,} made-up appointments"


def _speed(speed: float) -> str:
    return "as fast as life" if speed == 1 else f"{speed:g} times as fast as life"
