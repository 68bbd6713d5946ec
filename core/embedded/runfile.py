"""What a start leaves behind for the next one: which process serves where, and who may stop it."""

import dataclasses
import fcntl
import json
import os
import tempfile
from pathlib import Path

from core.process import Identity


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A server that was started: its process, where it answers, and what it is."""

    identity: Identity
    url: str
    engine: str


def write(path: Path, record: Record) -> None:
    """Replace the run-file in one step: a reader sees the old or the new, never half of one."""
    write_json(
        path,
        {
            "pid": record.identity.pid,
            "started": record.identity.started,
            "url": record.url,
            "engine": record.engine,
        },
    )


def read(path: Path) -> Record | None:
    """What the run-file says; None when there is none or it makes no sense."""
    data = read_json(path)
    try:
        identity = Identity(int(str(data["pid"])), str(data["started"]))
        return Record(identity, str(data["url"]), str(data["engine"]))
    except (KeyError, TypeError, ValueError):
        return None


def write_json(path: Path, data: dict[str, object]) -> None:
    """Replace `path` by `data` as JSON, readable by this user only, in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(data, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, object]:
    """The object in `path`; empty when there is none."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


class OwnerLock:
    """Held by the one process that may start and stop what lives in a folder; freed by its death.

    A lock of the open file, so two owners in one process exclude each other too; never inherited by children.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> bool:
        """Take the lock if it is free. Raises OSError when the file cannot be made."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        self._fd = fd
        return True

    def owner_pid(self) -> int | None:
        """The process that holds the lock, as far as it said so; for messages only."""
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __repr__(self) -> str:
        return f"OwnerLock({str(self._path)!r}, held={self.held})"
