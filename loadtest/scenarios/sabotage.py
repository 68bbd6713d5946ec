"""Gateway processes that go without one mechanism, so that a checker can show that it notices.

`python -m loadtest.scenarios.sabotage WHAT --fd N --slot N` is `calgate proxy-process` with one thing taken out;
`nothing` takes out nothing, for a process that lives at another time.
For the scenarios alone: no setting of the product leads here.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from calcom.reach import RULES, reach_of_write
from core import log
from core.clock import SystemClock
from core.runner import run
from core.settings import Settings, load
from proxy import server, wiring
from proxy.account import reaching
from proxy.cache.near import Near
from proxy.cache.pushes import Pushes
from proxy.cache.stamps import Fields
from proxy.cache.store import Store, Timing

REACH: Final = "reach:"
"""Before the name of a rule."""
NOTHING: Final = "nothing"


def intents() -> None:
    """A write leaves without a word in Redis: a process that dies with it takes it to its grave."""

    async def _intend(self: Store, write: str, word: str, *may_touch: Fields) -> None:
        return None

    _replace(Store, "_intend", _intend)


def fencing() -> None:
    """An answer counts as good for the generation it comes back in, not for the one it was asked for in."""
    original = Store.fill_end

    async def fill_end(self: Store, fill: Any, *args: Any, **options: Any) -> Any:
        now = int(await self._redis.get(self._keys.generation) or 0)
        return await original(self, dataclasses.replace(fill, generation=now), *args, **options)

    _replace(Store, "fill_end", fill_end)


def hold_off() -> None:
    """Cal.com's own slot cache is taken for the truth."""

    original = Timing.of

    def of(settings: Settings) -> Timing:
        return dataclasses.replace(original(settings), hold_off=0.0)

    _replace(Timing, "of", of)


def pushes() -> None:
    """A process does not hear what the others write, and thinks that it does."""
    original = Pushes._told

    def _told(self: Pushes, text: str) -> None:
        if text.startswith("f "):
            original(self, text)

    _replace(Pushes, "_told", _told)


def near_lease() -> None:
    """Copies in a process are trusted however long Redis was not heard, and writers wait for none of them; what
    is heard comes late, as over a line that stalls.
    """
    _replace(wiring, "Near", partial(Near, lease=3600.0))
    _replace(Store, "write_begin", _hurried(Store.write_begin))
    _replace(Pushes, "_told", _late(Pushes._told))


def _hurried(original: Callable[..., Any]) -> Callable[..., Any]:
    async def write_begin(self: Store, *may_touch: Fields) -> tuple[str, None]:
        write, _ = await original(self, *may_touch)
        return write, None

    return write_begin


def _late(original: Callable[..., Any]) -> Callable[..., Any]:
    def _told(self: Pushes, text: str) -> None:
        asyncio.get_running_loop().call_later(1.0, original, self, text)

    return _told


def without_rule(rule: str) -> None:
    """The reach of a write leaves out what this rule alone would touch."""
    _replace(reaching, "reach_of_write", partial(reach_of_write, without=frozenset({rule})))


MECHANISMS: Final[Mapping[str, Callable[[], None]]] = {
    "intents": intents,
    "fencing": fencing,
    "hold-off": hold_off,
    "pushes": pushes,
    "near-lease": near_lease,
}


def ahead(seconds: float) -> None:
    """This process's time of day is so far ahead of the machine's."""
    original = SystemClock.now
    _replace(SystemClock, "now", lambda self: original() + seconds)


def names() -> list[str]:
    """Everything that can be gone without."""
    return [*MECHANISMS, *(f"{REACH}{rule}" for rule in RULES)]


def apply(what: str) -> None:
    """Take *what* out of this process. Raises KeyError for a name that is not one of `names`."""
    if what.startswith(REACH):
        without_rule(RULES[what.removeprefix(REACH)].name)
    else:
        MECHANISMS[what]()


def _replace(owner: Any, name: str, new: Any) -> None:
    # What is not there cannot be taken out: a mechanism that was renamed must not pass for one that is not needed.
    getattr(owner, name)
    setattr(owner, name, new)


def main() -> None:
    """A gateway process as the supervisor starts it, with settings from the environment."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.scenarios.sabotage")
    parser.add_argument("what", choices=[*names(), NOTHING])
    parser.add_argument("--ahead", type=float, default=0.0)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--slot", type=int, required=True)
    asked = parser.parse_args()
    settings = load().settings
    log.configure(settings.log_level, settings.log_format, program="proxy")
    if asked.what != NOTHING:
        apply(asked.what)
    ahead(asked.ahead)
    run(server.run_process(settings, socket.socket(fileno=asked.fd), asked.slot))


if __name__ == "__main__":
    main()
