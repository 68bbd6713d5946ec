"""calgate/supervisor.py, with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from calgate.supervisor import ChildSpec, Supervisor, stop_leftovers
from core.clock import FakeClock, SystemClock
from core.embedded.runfile import read_json, write_json
from core.process import identify, is_running
from core.restart import RestartPolicy
from tests.tools import eventually

# Notes its start and its end, and ends when asked.
_TAME = """
import os, signal, sys
name, diary = sys.argv[1:]
def note(word):
    with open(diary, "a") as file:
        file.write(f"{name} {word}\\n")
def leave(*_):
    note("left")
    # At once: an interpreter that cleans up has handed its signals back, and a second one would kill it.
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
note("up")
while True:
    signal.pause()
"""
_DEAF = _TAME.replace("signal.SIGTERM, leave", "signal.SIGTERM, signal.SIG_IGN")
_AT_ONCE = "import sys; sys.exit(3)"


class Scene:
    """Children that keep a diary."""

    def __init__(self, folder: Path) -> None:
        self.diary_file = folder / "diary"
        self.runfile = folder / "children.json"
        self.diary_file.touch()

    def child(self, name: str, code: str = _TAME, grace_seconds: float = 30.0) -> ChildSpec:
        argv = (sys.executable, "-c", code, name, str(self.diary_file))
        return ChildSpec(name, argv, dict(os.environ), grace_seconds=grace_seconds)

    def diary(self) -> list[str]:
        return self.diary_file.read_text().splitlines()

    async def until_written(self, line: str, times: int = 1) -> None:
        async def is_written() -> bool:
            return self.diary().count(line) >= times

        await eventually(is_written)

    @asynccontextmanager
    async def running(
        self, *specs: ChildSpec, policy: RestartPolicy | None = None
    ) -> AsyncIterator[Supervisor]:
        supervisor = Supervisor(specs, runfile=self.runfile, clock=SystemClock(), policy=policy)
        await supervisor.start()
        try:
            for spec in specs:
                if _AT_ONCE not in spec.argv:
                    await self.until_written(f"{spec.name} up")
            yield supervisor
        finally:
            await supervisor.stop()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def all_gone(pids: Sequence[int]) -> bool:
    return not any(identify(pid) for pid in pids)


async def test_children_stop_in_reverse_order_and_those_of_one_role_together(scene: Scene) -> None:
    specs = [scene.child(name) for name in ("proxy-0", "proxy-1", "worker", "monitor")]
    async with scene.running(*specs) as supervisor:
        pids = supervisor.pids()
        assert list(pids) == ["proxy-0", "proxy-1", "worker", "monitor"]
    left = [line.split()[0] for line in scene.diary() if line.endswith(" left")]
    assert left[:2] == ["monitor", "worker"]
    assert sorted(left[2:]) == ["proxy-0", "proxy-1"]
    assert all_gone(list(pids.values()))
    assert not scene.runfile.exists()


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone(scene: Scene) -> None:
    async with scene.running(scene.child("proxy-0"), scene.child("proxy-1")) as supervisor:
        before = supervisor.pids()
        os.kill(before["proxy-0"], signal.SIGKILL)
        await scene.until_written("proxy-0 up", times=2)
        after = supervisor.pids()
        assert after["proxy-0"] != before["proxy-0"]
        assert after["proxy-1"] == before["proxy-1"]
        assert supervisor.exit_codes() == {"proxy-0": [-signal.SIGKILL]}


async def test_a_child_that_ends_by_itself_is_started_again_too(scene: Scene) -> None:
    async with scene.running(scene.child("worker")) as supervisor:
        os.kill(supervisor.pids()["worker"], signal.SIGTERM)
        await scene.until_written("worker up", times=2)
        assert supervisor.exit_codes() == {"worker": [0]}


async def test_a_child_that_cannot_live_is_not_started_more_often_than_its_policy_says(scene: Scene) -> None:
    clock = FakeClock()
    policy = RestartPolicy(second_seconds=1.0, longest_seconds=2.0)
    supervisor = Supervisor(
        [scene.child("worker", _AT_ONCE)], runfile=scene.runfile, clock=clock, policy=policy
    )
    await supervisor.start()

    async def waits_again() -> bool:
        return clock.sleepers == 1

    # Two deaths happen at once, the third only when the clock has moved.
    await eventually(waits_again)
    assert supervisor.exit_codes() == {"worker": [3, 3]}
    await clock.advance(0.9)
    assert supervisor.exit_codes() == {"worker": [3, 3]}
    await clock.advance(0.2)
    await eventually(waits_again)
    assert supervisor.exit_codes() == {"worker": [3, 3, 3]}
    await supervisor.stop()


async def test_stopping_while_a_child_waits_for_its_restart_starts_nothing(scene: Scene) -> None:
    policy = RestartPolicy(first_seconds=3_600.0)
    async with scene.running(scene.child("worker"), policy=policy) as supervisor:
        os.kill(supervisor.pids()["worker"], signal.SIGKILL)

        async def is_dead() -> bool:
            return "worker" in supervisor.exit_codes()

        await eventually(is_dead)
    assert scene.diary() == ["worker up"]


async def test_a_child_that_does_not_listen_is_killed_after_its_grace(scene: Scene) -> None:
    async with scene.running(scene.child("worker", _DEAF, grace_seconds=0.05)) as supervisor:
        pids = list(supervisor.pids().values())
    assert all_gone(pids)


async def test_a_stop_that_is_cut_short_kills_what_is_left(scene: Scene) -> None:
    supervisor = Supervisor(
        [scene.child("proxy-0"), scene.child("worker", _DEAF)], runfile=scene.runfile, clock=SystemClock()
    )
    await supervisor.start()
    await scene.until_written("worker up")
    pids = list(supervisor.pids().values())
    stopping = asyncio.ensure_future(supervisor.stop())
    # The deaf one has half a minute of grace: the stop can be nowhere but there.
    await asyncio.wait([stopping], timeout=0.05)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert all_gone(pids)
    assert not scene.runfile.exists()


async def test_a_program_that_is_not_there_stops_those_already_started(scene: Scene) -> None:
    missing = ChildSpec("worker", ("/nonexistent/program",), {})
    supervisor = Supervisor([scene.child("proxy-0"), missing], runfile=scene.runfile, clock=SystemClock())
    with pytest.raises(FileNotFoundError):
        await supervisor.start()
    assert supervisor.pids() == {}


async def test_what_a_killed_supervisor_left_is_found_and_stopped(scene: Scene) -> None:
    process = await asyncio.create_subprocess_exec(*scene.child("proxy-0").argv)
    await scene.until_written("proxy-0 up")
    identity = identify(process.pid)
    assert identity is not None
    entry = {"pid": identity.pid, "started": identity.started, "grace_seconds": 30.0}
    # The same pid with another start is a process that merely inherited the number.
    write_json(scene.runfile, {"proxy-0": entry, "worker": entry | {"started": "long ago"}, "odd": "entry"})
    assert await stop_leftovers(scene.runfile, SystemClock()) == ["proxy-0"]
    assert await process.wait() == 0
    assert not is_running(identity)
    assert not scene.runfile.exists()
    assert scene.diary() == ["proxy-0 up", "proxy-0 left"]


async def test_without_leftovers_nothing_is_stopped(tmp_path: Path) -> None:
    assert await stop_leftovers(tmp_path / "children.json", SystemClock()) == []


async def test_the_run_file_names_every_child_with_its_start(scene: Scene) -> None:
    async with scene.running(scene.child("proxy-0"), scene.child("monitor")) as supervisor:
        written = read_json(scene.runfile)
        assert {
            name: entry["pid"] for name, entry in written.items() if isinstance(entry, dict)
        } == supervisor.pids()


def test_the_role_is_the_name_without_its_number() -> None:
    assert [ChildSpec(name, (), {}).role for name in ("proxy-12", "worker", "index-keeper")] == [
        "proxy",
        "worker",
        "index-keeper",
    ]


def test_the_environment_of_a_child_is_not_shown() -> None:
    assert "hunter2" not in repr(ChildSpec("proxy-0", ("x",), {"CALGATE_REDIS_URL": "redis://:hunter2@h"}))
