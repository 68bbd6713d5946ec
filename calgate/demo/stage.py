"""The demo's programs: a simulated Cal.com and the whole gateway before it, started and cleared away."""

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from calgate.composition import Stack
from calgate.demo.ports import choose
from calgate.demo.wishes import Wishes, settings_for
from calgate.supervisor import ChildSpec, Supervisor, stop_leftovers
from core import log
from core.clock import Clock
from core.embedded import folders
from core.embedded.runfile import OwnerLock, read_json
from core.errors import UserError
from core.postgres import connect
from core.settings import Settings, child_environ
from core.tasks import raise_if_cancelled
from monitor.indexes.apply import apply
from monitor.indexes.reference import REFERENCE_SCHEMA, create

SIMULATOR_LISTEN = "127.0.0.1:8090"
SIMULATOR_ADMIN_LISTEN = "127.0.0.1:8091"
_ANY_PORT = "127.0.0.1:0"
# The upstream until the simulator says where it is.
_NOT_YET_KNOWN = "http://simulator.invalid"

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_APPOINTMENTS = 5_000

# Begins a step of the start-up under a name; leaving the context ends it; what it yields takes the closing words.
Step = Callable[[str], AbstractContextManager[Callable[[str], None]]]


@dataclasses.dataclass(frozen=True, slots=True)
class Simulator:
    """Where the simulated Cal.com really answers."""

    url: str
    admin_url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What runs, and where."""

    stack: Stack
    simulator: Simulator
    moved: tuple[str, ...]
    """Sentences about ports that were taken."""

    @property
    def settings(self) -> Settings:
        """The gateway's, with stores and ports resolved."""
        return self.stack.settings


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Where everything will be, as far as that can be said before anything starts."""

    settings: Settings
    log_file: Path
    moved: tuple[str, ...]


class SimulatorFailed(UserError):
    """The simulated Cal.com did not start."""


def plan(wishes: Wishes) -> Plan:
    """Choose the ports and make the settings. Raises SettingsError, and ListenError for an address not ours.

    A port that somebody asked for is used or refused by name later; only the usual ones give way.
    """
    loaded = settings_for(wishes, upstream_url=_NOT_YET_KNOWN, account=f"demo-{secrets.token_hex(4)}")
    listens: dict[str, str] = {}
    moved: list[str] = []
    for name, what in (("proxy_listen", "gateway"), ("monitor_listen", "status page")):
        usual = getattr(loaded.settings, name)
        if loaded.origins[name] == "the default":
            listens[name] = choose(name, usual, taken=listens.values())
            if listens[name] != usual:
                moved.append(_moved(usual, what, listens[name]))
    settings = loaded.settings.model_copy(update=listens)
    return Plan(settings, settings.data_dir.parent / "demo.log", tuple(moved))


def _moved(usual: str, what: str, place: str) -> str:
    return f"{usual} is taken; the {what} is at {place}"


@contextlib.asynccontextmanager
async def stage(chosen: Plan, wishes: Wishes, step: Step, clock: Clock) -> AsyncIterator[Stage]:
    """Start everything, each part under a step, and stop and remove everything at the end, also when cancelled.

    Raises UserError; the log then stays, and the message may point to it.
    """
    settings = chosen.settings
    folder = folders.prepare(settings.data_dir)
    step = _stoppable(step)
    try:
        async with contextlib.AsyncExitStack() as exits:
            _take(exits, folder)
            output = exits.enter_context(chosen.log_file.open("w", encoding="utf-8"))
            log.configure(settings.log_level, settings.log_format, program="demo", stream=output)
            with step("a Cal.com, simulated") as done:
                simulator = await exits.enter_async_context(
                    _simulator(settings, wishes, folder, chosen.log_file, output.fileno(), clock)
                )
                done(f"seed {wishes.seed}, {_speed(wishes.speed)}")
            moved = [*chosen.moved, *_moves(simulator)]
            stack = Stack(
                settings.model_copy(update={"upstream_url": simulator.url}),
                ready_seconds=None,
                output=chosen.log_file,
                clock=clock,
            )
            with step("Redis and PostgreSQL") as done:
                await exits.enter_async_context(stack)
                done(f"{stack.redis_engine}, {stack.database_engine}")
            with step("database indexes") as done:
                done(await _indexes(stack.settings.database_url, clock))
            with step("gateway, worker, monitor") as done:
                await stack.wait_ready(_READY_SECONDS)
                running = stack.pids()
                done(f"{len(running['proxy'])} gateway processes on one port")
            yield Stage(stack, simulator, tuple(moved))
    except asyncio.CancelledError:
        _forget(chosen)
        raise
    _forget(chosen)


def _stoppable(step: Step) -> Step:
    """Steps after each of which a stop is noticed, whatever lost it."""

    @contextlib.contextmanager
    def stoppable(name: str) -> Iterator[Callable[[str], None]]:
        with step(name) as done:
            yield done
        raise_if_cancelled()

    return stoppable


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


@contextlib.asynccontextmanager
async def _simulator(
    settings: Settings, wishes: Wishes, folder: Path, log_file: Path, output: int, clock: Clock
) -> AsyncIterator[Simulator]:
    """Keep a simulator running: on the usual ports or ones near them, on any if somebody is quicker."""
    runfile = folder / "simulator.json"
    await stop_leftovers(runfile, clock)
    ours = [settings.proxy_listen, settings.monitor_listen]
    near = choose("listen", SIMULATOR_LISTEN, taken=ours)
    near_admin = choose("admin_listen", SIMULATOR_ADMIN_LISTEN, taken=[*ours, near])
    for listen, admin in ((near, near_admin), (_ANY_PORT, _ANY_PORT)):
        # Its own word for where it is: at a port alone, somebody else's simulator might answer.
        ports_file = folder / "simulator-ports.json"
        ports_file.unlink(missing_ok=True)
        spec = _simulator_program(settings, wishes, listen, admin, ports_file)
        supervisor = Supervisor([spec], runfile=runfile, clock=clock, output=output)
        await supervisor.start()
        try:
            found = await _answering(ports_file, supervisor, clock)
            if found is not None:
                yield found
                return
        finally:
            await supervisor.stop()
    raise SimulatorFailed(f"the simulated Cal.com does not start; its last words are in {log_file}")


def _simulator_program(
    settings: Settings, wishes: Wishes, listen: str, admin: str, ports_file: Path
) -> ChildSpec:
    argv = (
        sys.executable, "-m", "calgate", "simulate",
        "--listen", listen,
        "--admin", admin,
        "--ports-file", str(ports_file),
        "--speed", f"{wishes.speed:g}",
        "--seed", str(wishes.seed),
    )  # fmt: skip
    return ChildSpec("simulator", argv, child_environ(settings, os.environ))


async def _answering(ports_file: Path, supervisor: Supervisor, clock: Clock) -> Simulator | None:
    """Where the simulator answers, once it does; None when it died or is too slow."""
    deadline = clock.monotonic() + _READY_SECONDS
    while not (found := read_json(ports_file)):
        if supervisor.exit_codes() or clock.monotonic() >= deadline:
            return None
        await clock.sleep(_POLL_SECONDS)
    return Simulator(str(found["url"]), str(found["admin_url"]))


def _moves(simulator: Simulator) -> list[str]:
    places = (
        (SIMULATOR_LISTEN, "simulated Cal.com", simulator.url),
        (SIMULATOR_ADMIN_LISTEN, "simulator's admin port", simulator.admin_url),
    )
    return [
        _moved(usual, what, url.removeprefix("http://"))
        for usual, what, url in places
        if url != f"http://{usual}"
    ]


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
