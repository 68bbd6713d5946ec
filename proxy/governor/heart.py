"""Tells Redis that this process lives, and hears what its share of the calls is (shares.py)."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
import uuid
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import Clock
from core.keys import Keys
from proxy.governor.shares import Beat, Moment, Shares
from proxy.scripts import Script, lua

_log = logging.getLogger(__name__)

_BEATS: Final = 5
"""So many in the time after which a process counts as away."""


class Heart:
    """The beat of one process."""

    def __init__(self, redis: Redis, keys: Keys, shares: Shares, clock: Clock) -> None:
        self._keys = keys
        self._shares = shares
        self._clock = clock
        self._beat = Script(redis, keys, lua(__package__, "aside", "beat"))
        self._was_alone = False

    async def run(self) -> None:
        """Beat for ever; when cancelled, say goodbye, so that the share goes to the others at once."""
        try:
            while True:
                await self.beat()
                await self._clock.sleep(self._shares.away / _BEATS)
        finally:
            with contextlib.suppress(RedisError):
                await self._send(self._shares.beat(self._moment()), leaves=True)

    async def beat(self) -> None:
        """Once. A Redis that does not answer is left to those who need it."""
        beat = self._shares.beat(self._moment())
        try:
            now, parts = await self._send(beat)
        except RedisError:
            self._note()
            return
        self._shares.heard(beat, now, parts, self._clock.monotonic())
        self._note()

    async def _send(self, beat: Beat, *, leaves: bool = False) -> tuple[int, int]:
        buckets = list(dict.fromkeys(bucket for bucket, _, _ in beat.paid))
        # The hash of shares comes before them, and Lua counts from one.
        place = {bucket: number for number, bucket in enumerate(buckets, 2)}
        shares = self._shares
        now, parts = await self._beat(
            [self._keys.shares, *(self._keys.permits(bucket) for bucket in buckets)],
            [
                *(beat.name, beat.incarnation, beat.number, beat.acked, beat.held),
                *(round(seconds * 1000) for seconds in (shares.away, shares.lease, shares.window)),
                shares.most,
                int(leaves),
                *(
                    one
                    for bucket, member, age in beat.paid
                    for one in (place[bucket], member, round(age * 1000))
                ),
            ],
        )
        return now, parts

    def _note(self) -> None:
        is_alone = self._shares.is_alone(self._moment())
        if is_alone and not self._was_alone:
            _log.warning("budget.alone", extra={"parts": self._shares.held})
        elif self._was_alone and not is_alone:
            _log.warning("budget.together")
        self._was_alone = is_alone

    def _moment(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.now())


def place_of(folder: Path, slot: int) -> str:
    """A name that stays a process's over restarts, and that no other process has while it lives.

    The folder is one gateway's and the slot one living process's; the host's name tells copies of a folder apart.
    """
    file, own = folder / "place", folder / f"place.{uuid.uuid4().hex}"
    if not file.exists():
        own.write_text(own.suffix)
        with contextlib.suppress(FileExistsError):
            # Whole or not at all, and the first one's.
            os.link(own, file)
        own.unlink()
    text = f"{socket.gethostname()}:{file.read_text()}:{slot}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
