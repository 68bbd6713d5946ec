"""`python -m core.embedded.fake FD`: fakeredis behind an inherited listening socket, for trying out only."""

import os
import secrets
import signal
import socket
import sys
from types import FrameType

from fakeredis import TcpFakeServer
from fakeredis._commands import command
from fakeredis._socket import FakeSocket

_VERSION = (7, 0)
_RUN_ID = secrets.token_hex(20)


def serve(descriptor: int) -> None:
    """Serve the listening socket `descriptor` until SIGTERM."""
    listener = socket.socket(fileno=descriptor)
    host, port = listener.getsockname()[:2]
    server = TcpFakeServer((host, port), bind_and_activate=False, server_version=_VERSION)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    _answer_info()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.serve_forever(poll_interval=0.1)


def _answer_info() -> None:
    """Teach it INFO, which it lacks: whoever compares run ids learns that its memory went with its restart."""
    FakeSocket.info = _info  # type: ignore[attr-defined]
    command(name="INFO", fixed=(), repeat=(bytes,))(_info)


def _info(self: FakeSocket, *sections: bytes) -> bytes:
    lines = [
        "# Server",
        f"redis_version:{'.'.join(map(str, _VERSION))}",
        f"process_id:{os.getpid()}",
        f"run_id:{_RUN_ID}",
        "imitation:fakeredis",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


_info.__name__ = "info"  # the name under which the command looks for its method


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
