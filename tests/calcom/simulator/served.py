"""A simulator on real sockets, in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2

from calcom.simulator.clock import SimClock
from calcom.simulator.options import SimulatorOptions
from calcom.simulator.seed import MAIN_KEY
from calcom.simulator.server import Ports, serve

#: A Monday morning; every test sees the same world.
BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

SLOTS = {"cal-api-version": "2024-09-04"}
BOOKINGS = {"cal-api-version": "2024-08-13"}
EVENT_TYPES = {"cal-api-version": "2024-06-14"}
SCHEDULES = {"cal-api-version": "2024-06-11"}


class Served:
    """A running simulator and a client for each of its ports."""

    def __init__(self, ports: Ports, clock: SimClock) -> None:
        self.url, self.admin_url, self.clock = ports.url, ports.admin_url, clock
        self._keys = 0
        limits = httpx2.Limits(max_connections=200)
        self.api = httpx2.Client(base_url=ports.url, trust_env=False, timeout=30, limits=limits)
        self.port = httpx2.Client(base_url=ports.admin_url, trust_env=False, timeout=30)

    def key(self, username: str | None = None) -> dict[str, str]:
        """Headers of a key nobody used before: a rate-limit bucket of its own."""
        self._keys += 1
        base = MAIN_KEY if username is None else f"cal_live_sim_{username}"
        return {"Authorization": f"Bearer {base}.{self._keys}"}

    def admin(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """The JSON answer of an admin operation that must work."""
        response = self.port.request(method, path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def stats(self) -> Any:
        """GET /stats."""
        return self.admin("/stats?queries=1", method="GET")

    def slots(self, event_type_id: int, start: str, end: str, **more: str) -> Any:
        """`data` of GET /v2/slots."""
        params = {"eventTypeId": str(event_type_id), "start": start, "end": end, **more}
        response = self.api.get("/v2/slots", params=params, headers={**SLOTS, **self.key()})
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def close(self) -> None:
        """Close the clients."""
        self.api.close()
        self.port.close()


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """Run a simulator with these options, without latency unless told, frozen at nothing."""
    settings = {
        "listen": "127.0.0.1:0",
        "admin_listen": "127.0.0.1:0",
        "latency": "none",
        "slots_cache_ttl": 0.0,
        **options,
    }
    chosen = replace(SimulatorOptions(), **settings)
    ready = threading.Event()
    found: list[Ports] = []
    failures: list[BaseException] = []
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []
    clock = SimClock(BEGIN, chosen.speed)

    def started(ports: Ports) -> None:
        found.append(ports)
        ready.set()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        handles.append((asyncio.get_running_loop(), task))
        await serve(chosen, clock=clock, started=started)

    def run() -> None:
        try:
            asyncio.run(main())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - raised again where the test can see it
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="simulator")
    thread.start()
    ready.wait(30)
    if failures:
        thread.join()
        raise failures[0]
    running = Served(found[0], clock)
    try:
        yield running
    finally:
        running.close()
        loop, task = handles[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
    if failures:
        raise failures[0]
