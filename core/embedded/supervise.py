"""An embedded server's life: found or started, watched, started again, stopped.

One process owns it (`owner.lock`): starts it, restarts it, stops it. Others that ask for the same data folder
join as guests and leave it alone. When the owner is killed the server lives on; the next who asks becomes its
owner and adopts it.
"""

import asyncio
import dataclasses
import logging
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from core.clock import Clock, SystemClock
from core.embedded import folders, runfile
from core.embedded.runfile import OwnerLock, Record
from core.errors import EmbeddedServerError
from core.process import Identity, end, identify, is_running, send, wait_gone
from core.restart import RestartPolicy
from core.sources import ENV_PREFIX
from core.tasks import raise_if_cancelled, spawn

_log = logging.getLogger(__name__)

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.02
_GUEST_POLL_SECONDS = 0.1
_WATCH_SECONDS = 0.25
_START_TRIES = 4
_DEATHS_KEPT = 64
_LOG_LINES_SHOWN = 6
_LARGEST_LOG_BYTES = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Launch:
    """How to start the server this time."""

    argv: Sequence[str]
    url: str
    engine: str
    pass_fds: tuple[int, ...] = ()
    cwd: Path | None = None


class EmbeddedServer(ABC):
    """Base of the embedded servers; an async context manager.

    `url`, `engine` and `pid` are true inside the context; the URL stays the same over restarts.
    Raises EmbeddedServerError on entry when the server cannot be had.
    """

    name: str
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 10.0),)
    """Signals to stop it with, each with the seconds it is given; SIGKILL follows."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Clock | None = None,
        policy: RestartPolicy | None = None,
    ) -> None:
        self.folder = data_dir.absolute() / self.name
        self._clock = clock or SystemClock()
        self._policy = policy or RestartPolicy()
        self._lock = OwnerLock(self.folder / "owner.lock")
        self._record: Record | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    # ── What a kind of server knows ──

    @abstractmethod
    async def _plan(self) -> Launch:
        """Prepare what the server needs on disk and say how to start it."""

    @abstractmethod
    async def _answers(self, url: str) -> bool:
        """Whether the server at `url` can be used now."""

    async def _unrecorded(self) -> Record | None:
        """A server of ours that runs though no run-file says so (its owner died before writing one)."""
        return None

    def _mend(self, log_tail: str) -> bool:
        """Put right what the log of a failed start complains of; True when another try makes sense."""
        return False

    def _release(self) -> None:
        """Give back what is held besides the process; the folder last."""
        self._lock.release()

    # ── What is true of every kind ──

    @property
    def url(self) -> str:
        return self._known.url

    @property
    def engine(self) -> str:
        return self._known.engine

    @property
    def pid(self) -> int:
        return self._known.identity.pid

    @property
    def owned(self) -> bool:
        """True when this process starts and stops the server; False for a guest."""
        return self._lock.held

    @property
    def log_path(self) -> Path:
        return self.folder / f"{self.name}.log"

    async def __aenter__(self) -> Self:
        folders.prepare(self.folder)
        if not self._take_lock():
            await self._join()
            return self
        try:
            await self._adopt_or_start()
        except BaseException:
            await self._stop()
            raise
        self._keeper = spawn(self._keep(), name=f"embedded-{self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.owned:
            return
        try:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait([self._keeper])
        finally:
            await self._stop()

    @property
    def _known(self) -> Record:
        if self._record is None:
            raise RuntimeError(f"embedded {self.name} has not been started")
        return self._record

    @property
    def _runfile(self) -> Path:
        return self.folder / "run.json"

    def _take_lock(self) -> bool:
        try:
            return self._lock.acquire()
        except OSError as error:
            raise folders.unusable(self.folder, error) from None

    async def _join(self) -> None:
        deadline = self._clock.monotonic() + _READY_SECONDS
        while self._clock.monotonic() < deadline:
            record = runfile.read(self._runfile)
            if record is not None and is_running(record.identity) and await self._answers(record.url):
                self._record = record
                _log.info(f"{self.name}.joined", extra={"engine": record.engine, "pid": self.pid})
                return
            await self._clock.sleep(_GUEST_POLL_SECONDS)
        raise EmbeddedServerError(
            f"the data folder {self.folder} is in use by process {self._lock.owner_pid()}, whose embedded "
            f"{self.name} does not answer; stop that process, or set CALGATE_DATA_DIR to another folder"
        )

    async def _adopt_or_start(self) -> None:
        record = runfile.read(self._runfile)
        if record is None or not is_running(record.identity):
            record = await self._unrecorded()
        if record is not None:
            if await self._answers(record.url):
                self._record = record
                runfile.write(self._runfile, record)
                _log.info(f"{self.name}.adopted", extra={"engine": record.engine, "pid": self.pid})
                return
            _log.warning(f"{self.name}.leftover_stopped", extra={"pid": record.identity.pid})
            await end(record.identity, self._clock, grace_seconds=5.0)
        await self._start()

    async def _start(self) -> None:
        """Start it and wait until it answers; a few tries, for what mends itself or can be mended."""
        for attempt in range(1, _START_TRIES + 1):
            try:
                launch = await self._plan()
                started_at = self._rotate_log()
                failure = await self._launch(launch)
            except OSError as error:  # the disk is full, the folder has gone, no process can be had
                await self._end_process()
                raise folders.unusable(self.folder, error) from None
            if failure is None:
                facts = {"engine": launch.engine, "pid": self.pid, "url": launch.url}
                _log.info(f"{self.name}.started", extra=facts)
                return
            await self._end_process()
            tail = self._log_since(started_at) or failure
            if attempt == _START_TRIES or not self._mend(tail):
                break
            await self._clock.sleep(0.2 * attempt)
        raise EmbeddedServerError(
            f"the embedded {self.name} ({launch.engine}) does not start in {self.folder}; its log "
            f"({self.log_path}) ends with:\n{_last_lines(tail)}"
        )

    async def _launch(self, launch: Launch) -> str | None:
        """None when the server answers; otherwise what is known of its failure."""
        with self.log_path.open("ab") as log:
            # A session of its own: Ctrl-C at the terminal is for us, who stop it in good order.
            self._process = await asyncio.create_subprocess_exec(
                *launch.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=launch.pass_fds,
                cwd=launch.cwd,
                # Our settings are nothing to it, and one may be Cal.com's key.
                env={name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)},
            )
        identity = identify(self._process.pid)
        if identity is None:
            await self._process.wait()
            return f"it ended at once with code {self._process.returncode}"
        self._record = Record(identity, launch.url, launch.engine)
        runfile.write(self._runfile, self._record)
        deadline = self._clock.monotonic() + _READY_SECONDS
        while self._clock.monotonic() < deadline:
            answers = await self._answers(launch.url)
            raise_if_cancelled()
            if answers:
                return None
            if self._process.returncode is not None or not is_running(identity):
                return f"it ended with code {await self._process.wait()}"
            await self._clock.sleep(_POLL_SECONDS)
        return f"it does not answer within {_READY_SECONDS:.0f} s"

    async def _keep(self) -> None:
        """Start the server again whenever it has died, for as long as we are its owner."""
        deaths: list[float] = []
        while True:
            await self._gone()
            _log.error(f"{self.name}.died", extra={"pid": self.pid, "code": self._exit_code})
            while True:
                now = self._clock.monotonic()
                deaths = [*deaths[-_DEATHS_KEPT:], now]
                await self._clock.sleep(self._policy.wait(deaths, now))
                try:
                    await self._start()
                    break
                except EmbeddedServerError as error:
                    _log.error(f"{self.name}.restart_failed", extra={"reason": str(error)})

    @property
    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.returncode

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            return
        while is_running(self._known.identity):  # adopted: not our child, so nobody tells us
            await self._clock.sleep(_WATCH_SECONDS)

    async def _stop(self) -> None:
        """Stop the server and give up the folder; cancelled, kill it at once."""
        was_running = self._record is not None and is_running(self._record.identity)
        try:
            await self._end_process()
            if was_running:
                _log.info(f"{self.name}.stopped", extra={"pid": self.pid})
        finally:
            self._release()

    async def _end_process(self) -> None:
        if self._record is None:
            return
        identity = self._record.identity
        try:
            for signum, seconds in self.stop_signals:
                if await self._stopped_by(identity, signum, seconds):
                    break
            else:
                _log.warning(f"{self.name}.killed", extra={"pid": identity.pid})
        finally:
            # Also when cancelled half-way: what we leave must not run on without an owner.
            send(identity, signal.SIGKILL)
            if self._process is not None:
                await self._process.wait()
                self._process = None
            self._runfile.unlink(missing_ok=True)

    async def _stopped_by(self, identity: Identity, signum: signal.Signals, seconds: float) -> bool:
        send(identity, signum)
        return await wait_gone(identity, seconds, self._clock)

    def _rotate_log(self) -> int:
        """Begin a new log when it has grown large; the offset at which this start's lines begin."""
        try:
            size = self.log_path.stat().st_size
        except FileNotFoundError:
            return 0
        if size > _LARGEST_LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
            return 0
        return size

    def _log_since(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            return log.read(65_536).decode(errors="replace")

    def __repr__(self) -> str:
        state = "not started" if self._record is None else f"{self.engine}, pid {self.pid}, {self.url}"
        return f"{type(self).__name__}({str(self.folder)!r}, {state}, owned={self.owned})"


def _last_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES_SHOWN:])
