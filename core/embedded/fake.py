"""`python -m core.embedded.fake FD`: fakeredis behind an inherited listening socket, for trying out only."""

import signal
import socket
import sys
from types import FrameType

from fakeredis import TcpFakeServer


def serve(descriptor: int) -> None:
    """Serve the listening socket `descriptor` until SIGTERM."""
    listener = socket.socket(fileno=descriptor)
    host, port = listener.getsockname()[:2]
    server = TcpFakeServer((host, port), bind_and_activate=False, server_version=(7, 0))
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.serve_forever(poll_interval=0.1)


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
