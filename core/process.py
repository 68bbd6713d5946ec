"""Processes of ours found again by pid and start time, so that a reused pid is never mistaken for one."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

from core.clock import Clock

_POLL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """A process, for all time: `started` differs between two that have had the same pid, boots included."""

    pid: int
    started: str

    def __str__(self) -> str:
        return f"pid {self.pid}"


def identify(pid: int) -> Identity | None:
    """The identity of the live process `pid`; None when there is none (a zombie is none)."""
    started = _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)
    return None if started is None else Identity(pid, started)


def is_running(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def send(identity: Identity, signum: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone already."""
    if not is_running(identity):
        return False
    try:
        os.kill(identity.pid, signum)
    except ProcessLookupError:
        return False
    return True


async def wait_gone(identity: Identity, seconds: float, clock: Clock) -> bool:
    """Wait until the process, which need not be our child, is gone; False when it outlives `seconds`."""
    deadline = clock.monotonic() + seconds
    while is_running(identity):
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_POLL_SECONDS)
    return True


async def end(
    identity: Identity, clock: Clock, *, grace_seconds: float, signum: signal.Signals = signal.SIGTERM
) -> bool:
    """Ask a process to end, kill it after `grace_seconds`. True when it went by itself."""
    if not send(identity, signum) or await wait_gone(identity, grace_seconds, clock):
        return True
    send(identity, signal.SIGKILL)
    await wait_gone(identity, 5.0, clock)
    return False


def _started_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, ValueError):
        return None
    # The name in brackets may itself hold brackets and blanks; the fields begin after the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    state, started_ticks = fields[0], fields[19]
    return None if state in (b"Z", b"X") else f"{boot}:{started_ticks.decode()}"


def _started_elsewhere(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607 - wherever this system keeps it
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.split(maxsplit=1)
    return None if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()
