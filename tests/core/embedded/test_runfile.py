"""core/embedded/runfile.py"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded.runfile import OwnerLock, Record, read, write
from core.process import Identity

RECORD = Record(Identity(71, "boot:12"), "unix:///r.sock?db=0", "redis 7.2.4 (/bin/redis-server)")


def test_what_was_written_is_read_and_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write(path, RECORD)
    assert read(path) == RECORD
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pid": "x", "started": "", "url": "", "engine": ""}']
)
def test_a_run_file_that_makes_no_sense_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    assert read(tmp_path / "run.json") is None
    assert read(tmp_path / "nothing.json") is None


def test_a_folder_has_one_owner_even_in_one_process(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "lock"), OwnerLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert (first.held, second.held) == (True, False)
    assert second.owner_pid() == os.getpid()
    first.release()
    assert second.acquire()
    second.release()


def test_the_death_of_the_owner_frees_the_folder_though_its_children_live_on(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom core.embedded.runfile import OwnerLock\n"
        f"assert OwnerLock(Path({str(tmp_path / 'lock')!r})).acquire()\n"
        "child = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    try:
        lock = OwnerLock(tmp_path / "lock")
        assert lock.acquire()
        lock.release()
    finally:
        os.kill(int(killed.stdout), 9)
