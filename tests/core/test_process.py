"""core/process.py"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.process import Identity, end, identify, is_running, send, wait_gone

_DEAF = "import signal, sys; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
_TAME = "import signal; print('up', flush=True); signal.pause()"


async def start(code: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    return process


@pytest_asyncio.fixture
async def tame() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await start(_TAME)
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


def test_this_process_is_itself() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    assert identity.pid == os.getpid()
    assert is_running(identity)


async def test_a_reused_pid_is_another_process_and_gets_no_signal(tame: asyncio.subprocess.Process) -> None:
    impostor = Identity(tame.pid, "some other time")
    assert not is_running(impostor)
    assert not send(impostor, signal.SIGKILL)
    assert identify(tame.pid) is not None


async def test_a_process_that_is_asked_to_end_does(tame: asyncio.subprocess.Process) -> None:
    identity = identify(tame.pid)
    assert identity is not None
    assert await end(identity, SystemClock(), grace_seconds=30)
    assert await tame.wait() == -signal.SIGTERM
    assert not is_running(identity)


async def test_a_process_that_does_not_listen_is_killed() -> None:
    process = await start(_DEAF)
    identity = identify(process.pid)
    assert identity is not None
    assert not await end(identity, SystemClock(), grace_seconds=0.1)
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def test_waiting_for_a_process_that_stays_ends_with_the_time(tame: asyncio.subprocess.Process) -> None:
    identity = identify(tame.pid)
    assert identity is not None
    assert not await wait_gone(identity, 0.0, SystemClock())


@pytest.mark.skipif(sys.platform != "linux", reason="reaping is observed through /proc")
def test_a_zombie_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert identify(process.pid) is None
