"""Listening sockets, bound once by the parent; errors say which setting and what to do."""

import errno
import os
import socket

from core.errors import UserError
from core.urls import join_listen, reachable_host, split_listen

# Connections that wait here survive the death of the process that would have taken them.
_BACKLOG = 2_048


class ListenError(UserError):
    """An address cannot be listened on."""


def bind(setting: str, listen: str) -> socket.socket:
    """Listen on `listen` (HOST:PORT); `setting` is the name used in the error."""
    host, port = split_listen(listen)
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ListenError(f"{setting} = {listen}: the host is not known here: {error.strerror}") from None
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(f"{setting} = {listen}: {_reason(setting, error)}") from None
    return sock


def free_listen(setting: str, listen: str) -> str:
    """`listen` with port 0 replaced by a free one; raises ListenError when its port is taken.

    For a listener that another process will bind: somebody could still be quicker, but the usual mistake is
    told at once and by name.
    """
    with bind(setting, listen) as probe:
        return join_listen(split_listen(listen)[0], probe.getsockname()[1])


def url_of(sock: socket.socket) -> str:
    """The http:// URL under which this machine reaches `sock`."""
    host, port = sock.getsockname()[:2]
    return f"http://{join_listen(reachable_host(host), port)}"


def _reason(setting: str, error: OSError) -> str:
    variable = f"CALGATE_{setting.upper()}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"another program listens there already; stop it, or set {variable} to another port "
                "(port 0 takes any free one)"
            )
        case errno.EACCES | errno.EPERM:
            return f"this user may not listen there; set {variable} to a port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"this machine has no such address; set {variable} to one it has, or to :PORT for all"
        case _:
            return f"cannot be listened on: {os.strerror(error.errno or 0)}; set {variable}"
