"""The embedded Redis: a real one where there is one, an imitation for trying out where there is none."""

import logging
import os
import socket
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from redis.exceptions import RedisError

from core.clock import Clock
from core.embedded import engines, folders
from core.embedded.runfile import Record
from core.embedded.supervise import EmbeddedServer, Launch
from core.process import identify
from core.redis import connect
from core.restart import RestartPolicy

_log = logging.getLogger(__name__)

_SOCKET = "redis.sock"

_CONFIG = """\
# Written anew at every start; changes are lost.
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
daemonize no
databases 16
save ""
appendonly yes
appendfsync everysec
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 16mb
maxmemory {maxmemory}
# Evicting at will could forget what the rate limit or a write in doubt stands on; we expire our own keys.
maxmemory-policy noeviction
stop-writes-on-bgsave-error no
"""

# What Redis says when it cannot read what an older or newer one, or a torn disk, left behind.
_UNREADABLE = ("Bad file format reading the append only file", "Can't handle RDB format", "Unexpected end of file",
               "Wrong signature trying to load DB", "AOF loading aborted")  # fmt: skip


class EmbeddedRedis(EmbeddedServer):
    """`async with EmbeddedRedis(data_dir) as server:` — `server.url`, `server.engine`, `server.pid`."""

    name = "redis"

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Clock | None = None,
        policy: RestartPolicy | None = None,
        engine: engines.Engine | None = None,
        maxmemory: str = "512mb",
    ) -> None:
        super().__init__(data_dir, clock=clock, policy=policy)
        self._engine = engine
        self._maxmemory = maxmemory
        self._listener: socket.socket | None = None

    @property
    def is_real(self) -> bool:
        """False for the imitation."""
        return not self.engine.startswith("fakeredis")

    async def _plan(self) -> Launch:
        if self._engine is None:
            self._engine, passed_over = engines.choose()
            for reason in passed_over:
                _log.info("redis.engine_passed_over", extra={"reason": reason})
        if self._engine.binary is None:
            return self._plan_imitation()
        path = folders.socket_folder(self.folder, _SOCKET) / _SOCKET
        path.unlink(missing_ok=True)
        config = self.folder / "redis.conf"
        config.write_text(
            _CONFIG.format(socket=_quoted(path), folder=_quoted(self.folder), maxmemory=self._maxmemory)
        )
        return Launch(
            argv=[str(self._engine.binary), str(config)],
            url=f"unix://{quote(str(path))}?db=0",
            engine=str(self._engine),
        )

    def _plan_imitation(self) -> Launch:
        _log.warning(
            "redis.imitation",
            extra={"reason": "no real Redis found; for trying out only: memory is lost at every restart"},
        )
        if self._listener is None:
            # We bind and keep it, the imitation inherits it: its port survives its restarts.
            self._listener = socket.create_server(("127.0.0.1", self._port_before()))
        descriptor = self._listener.fileno()
        return Launch(
            argv=[sys.executable, "-P", "-m", "core.embedded.fake", str(descriptor)],
            url=f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0",
            engine=str(self._engine),
            pass_fds=(descriptor,),
        )

    def _port_before(self) -> int:
        """The port of an adopted imitation that has died, since its URL has been handed out; else any."""
        return urlsplit(self._record.url).port or 0 if self._record is not None else 0

    async def _answers(self, url: str) -> bool:
        return await _process_id(url) is not None

    async def _unrecorded(self) -> Record | None:
        path = folders.socket_folder(self.folder, _SOCKET) / _SOCKET
        if not path.is_socket():
            return None
        url = f"unix://{quote(str(path))}?db=0"
        pid = await _process_id(url)
        identity = identify(pid) if pid is not None else None
        return None if identity is None else Record(identity, url, "redis found running")

    def _mend(self, log_tail: str) -> bool:
        if not any(text in log_tail for text in _UNREADABLE):
            return False
        moved = [path for path in self.folder.glob("appendonly*") if not path.name.endswith(".unreadable")]
        for path in moved:
            target = path.with_name(f"{path.name}.unreadable")
            if target.is_dir():
                for old in target.iterdir():
                    old.unlink()
                target.rmdir()
            path.replace(target)
        _log.error(
            "redis.memory_lost",
            extra={"reason": "its file cannot be read and was set aside", "files": [p.name for p in moved]},
        )
        return bool(moved)

    def _release(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        super()._release()


async def _process_id(url: str) -> int | None:
    """The pid the server at `url` gives, once it has loaded its data; None when it does not answer."""
    # Not a plain client, which now and then loses a cancellation: a stop while this asks would be forgotten.
    client = connect(url, client_name="calgate-embedded", read_timeout_seconds=1.0)
    try:
        await client.ping()
        return int((await client.info("server"))["process_id"])
    except (RedisError, OSError):
        return None
    finally:
        await client.aclose()


def _quoted(path: Path) -> str:
    """`path` as a redis.conf argument, whatever characters it holds."""
    escaped = os.fsdecode(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
