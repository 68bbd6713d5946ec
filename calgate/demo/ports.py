"""Ports for the demo: the usual ones, or the next that are free."""

from collections.abc import Iterable

from calgate.listeners import ListenError, free_listen
from core.urls import join_listen, split_listen

# How many ports after the usual one are tried before any will do.
_NEIGHBOURS = 9


def choose(setting: str, wanted: str, *, taken: Iterable[str] = ()) -> str:
    """`wanted` (HOST:PORT) if it is free and not in `taken`, else the same host with the next free port.

    Raises ListenError when the host itself cannot be listened on.
    """
    host, port = split_listen(wanted)
    spoken_for = set(taken)
    candidates = [port, *range(port + 1, min(port + _NEIGHBOURS, 65_535) + 1)] if port else []
    for candidate in candidates:
        listen = join_listen(host, candidate)
        if listen in spoken_for:
            continue
        try:
            return free_listen(setting, listen)
        except ListenError:
            continue
    return free_listen(setting, join_listen(host, 0))
