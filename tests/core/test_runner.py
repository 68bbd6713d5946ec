"""core/runner.py"""

import os
import signal
import subprocess
import sys

import pytest

from core.runner import run


def started(body: str) -> "subprocess.Popen[str]":
    code = f"import asyncio, signal\nfrom core.runner import run\n{body}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


DRAINS = """
async def main():
    print("up", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("drained", flush=True)
print(run(main()))
"""

DRAINS_FOR_EVER = """
async def main():
    print("up", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("draining", flush=True)
        await asyncio.Event().wait()
print(run(main()))
"""

DEAF = """
async def main():
    print("up", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("ignored", flush=True)
run(main())
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_lets_the_program_drain_and_leave_with_nothing_wrong(signum: signal.Signals) -> None:
    with started(DRAINS) as process:
        process.send_signal(signum)
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("drained\nNone\n", 0)


def test_the_second_signal_cuts_the_drain_short() -> None:
    with started(DRAINS_FOR_EVER) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("None\n", 0)


def test_a_program_that_ignores_being_told_twice_is_ended_with_the_signals_code() -> None:
    with started(DEAF) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "ignored\n"
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT


def test_a_result_and_an_exception_pass_through() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise KeyError("nothing there")

    assert run(answer()) == 42
    with pytest.raises(KeyError, match="nothing there"):
        run(fail())


def test_handlers_that_were_there_before_are_there_again() -> None:
    async def nothing() -> None:
        return None

    heard: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda signum, _: heard.append(signum))
    try:
        run(nothing())
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_program_started_with_nohup_outlives_its_terminal() -> None:
    async def hangup_handler() -> object:
        return signal.getsignal(signal.SIGHUP)

    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(hangup_handler()) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)
