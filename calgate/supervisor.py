"""Keeps child processes alive, stops them in good order, and finds those a killed predecessor left.

When to restart is decided by `core.restart.RestartPolicy`; here is the thin shell around it. If this process
is killed, its children go on serving, and the run-file lets the next start find and stop them.
"""

import asyncio
import contextlib
import dataclasses
import logging
import signal
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from core.clock import Clock
from core.embedded.runfile import read_json, write_json
from core.process import Identity, end, identify, send
from core.restart import RestartPolicy
from core.tasks import spawn

_log = logging.getLogger(__name__)

_DEATHS_KEPT = 64


@dataclasses.dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child to keep alive. `name` is `ROLE-NUMBER`, or the role alone where there is one.

    `grace_seconds` lie between SIGTERM and SIGKILL. The environment may hold secrets and is not shown.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = dataclasses.field(repr=False)
    pass_fds: tuple[int, ...] = ()
    grace_seconds: float = 10.0

    @property
    def role(self) -> str:
        role, dash, number = self.name.rpartition("-")
        return role if dash and number.isdigit() else self.name


class _Child:
    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: asyncio.subprocess.Process | None = None
        self.identity: Identity | None = None
        self.deaths: list[float] = []
        self.codes: list[int] = []
        self.keeper: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"_Child({self.spec.name}, {self.identity}, deaths={len(self.deaths)})"


class Supervisor:
    """Starts `specs` in their order, restarts what dies, stops in the reverse order.

    Children of one role next to each other stop together. `output` is a file descriptor for their standard
    output and error; without it they share ours.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        runfile: Path,
        clock: Clock,
        policy: RestartPolicy | None = None,
        output: int | None = None,
    ) -> None:
        self._children = [_Child(spec) for spec in specs]
        self._runfile = runfile
        self._clock = clock
        self._policy = policy or RestartPolicy()
        self._output = output

    def pids(self) -> dict[str, int]:
        """Name of each child that lives, and its pid."""
        return {
            c.spec.name: c.process.pid for c in self._children if c.process and c.process.returncode is None
        }

    def exit_codes(self) -> dict[str, list[int]]:
        """Name of each child that has died, and the codes (negative: signals) it died with, oldest first."""
        return {child.spec.name: list(child.codes) for child in self._children if child.codes}

    async def start(self) -> None:
        """Start every child; raises OSError when a program cannot be started at all."""
        try:
            for child in self._children:
                await self._spawn(child)
                child.keeper = spawn(self._keep(child), name=f"keep-{child.spec.name}")
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every child; cancelled, kill them at once. Leaves no child and no run-file."""
        keepers = [child.keeper for child in self._children if child.keeper is not None]
        for keeper in keepers:
            keeper.cancel()  # first of all: nothing may be started again from here on
        try:
            await asyncio.gather(*keepers, return_exceptions=True)
            for _, group in groupby(reversed(self._children), key=lambda child: child.spec.role):
                await asyncio.gather(*(self._end(child) for child in group))
        finally:
            for child in self._children:
                if child.process is not None and child.process.returncode is None:
                    _log.warning("child.killed", extra={"child": child.spec.name, "pid": child.process.pid})
                    with contextlib.suppress(ProcessLookupError):
                        child.process.kill()
                    await child.process.wait()
            _remove(self._runfile)

    async def _spawn(self, child: _Child) -> None:
        spec = child.spec
        child.process = await asyncio.create_subprocess_exec(
            *spec.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env=dict(spec.env),
            pass_fds=spec.pass_fds,
            # Ctrl-C at the terminal is for us alone: a child it reached directly would leave out of turn.
            start_new_session=True,
        )
        child.identity = identify(child.process.pid)
        self._write_runfile()
        _log.info("child.started", extra={"child": spec.name, "pid": child.process.pid})

    async def _keep(self, child: _Child) -> None:
        while True:
            assert child.process is not None
            code = await child.process.wait()
            now = self._clock.monotonic()
            child.deaths = [*child.deaths[-_DEATHS_KEPT:], now]
            child.codes = [*child.codes[-_DEATHS_KEPT:], code]
            wait = self._policy.wait(child.deaths, now)
            _log.error(
                "child.died",
                extra={
                    "child": child.spec.name,
                    "pid": child.process.pid,
                    "code": code,
                    "restart_in_seconds": wait,
                },
            )
            await self._clock.sleep(wait)
            try:
                await self._spawn(child)
            except OSError as error:  # out of processes, memory or descriptors: that may pass
                _log.error("child.not_started", extra={"child": child.spec.name, "reason": str(error)})

    async def _end(self, child: _Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(child.spec.grace_seconds):
                await process.wait()
        except TimeoutError:
            return  # the caller kills what is left
        _log.info(
            "child.stopped", extra={"child": child.spec.name, "pid": process.pid, "code": process.returncode}
        )

    def _write_runfile(self) -> None:
        write_json(
            self._runfile,
            {
                child.spec.name: {
                    "pid": child.identity.pid,
                    "started": child.identity.started,
                    "grace_seconds": child.spec.grace_seconds,
                }
                for child in self._children
                if child.identity is not None
            },
        )

    def __repr__(self) -> str:
        return f"Supervisor({self._children})"


async def stop_leftovers(runfile: Path, clock: Clock) -> list[str]:
    """Stop the children a killed supervisor left, by its run-file; return the names of those that still ran.

    For the holder of the folder's lock only: nobody else's children are in there then.
    """
    found: list[tuple[str, Identity, float]] = []
    for name, entry in read_json(runfile).items():
        try:
            assert isinstance(entry, dict)
            found.append(
                (name, Identity(int(entry["pid"]), str(entry["started"])), float(entry["grace_seconds"]))
            )
        except (AssertionError, KeyError, TypeError, ValueError):
            continue
    running = [(name, identity, grace) for name, identity, grace in found if send(identity, signal.SIGTERM)]
    for name, identity, _ in running:
        _log.warning(
            "child.leftover", extra={"child": name, "pid": identity.pid, "action": "stopping it first"}
        )
    await asyncio.gather(*(end(identity, clock, grace_seconds=grace) for _, identity, grace in running))
    _remove(runfile)
    return [name for name, _, _ in running]


def _remove(runfile: Path) -> None:
    runfile.unlink(missing_ok=True)
