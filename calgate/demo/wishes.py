"""What the demo was asked for, and the settings that follow."""

from dataclasses import dataclass

from core.errors import SettingsError
from core.settings import Loaded, load
from monitor.indexes.reference import REFERENCE_SCHEMA

# Beyond this, Cal.com's window of a minute shrinks below the time that real sockets and processes need.
FASTEST = 30.0

# Real machines do not get faster with the simulated clock: what allows for travel time keeps a floor.
_LEAST_GUARD = 0.2
_LEAST_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Wishes:
    """The demo's options, as the command line gives them."""

    rate: float = 60.0
    """Client requests a minute, at speed 1."""
    speed: float = 1.0
    seed: int = 1
    duration: float | None = None
    """Real seconds; None until somebody stops it."""
    traffic: bool = True
    listen: str | None = None
    monitor_listen: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.speed <= FASTEST:
            raise SettingsError(f"--speed {self.speed:g}: must be above 0 and at most {FASTEST:g}")
        if not 0 < self.rate <= 60_000:
            raise SettingsError(f"--rate {self.rate:g}: must be above 0 and at most 60000 requests a minute")
        if self.duration is not None and self.duration <= 0:
            raise SettingsError(f"--duration {self.duration:g}: must be above 0 seconds")


def settings_for(wishes: Wishes, *, upstream_url: str, account: str) -> Loaded:
    """The environment's settings with what makes it a demo on top. Raises SettingsError.

    All that hangs on Cal.com's clock shrinks with the speed, so that the gateway fits the faster Cal.com: at
    speed 10 its window of 60 s passes in 6.
    """
    speed = wishes.speed
    first = load()
    usual = first.settings
    folder = usual.data_dir / "demo"
    ours: dict[str, object] = {
        "upstream_url": upstream_url,
        "redis_url": "embedded",
        "database_url": "embedded",
        "database_schema": REFERENCE_SCHEMA,
        "data_dir": str(folder),
        "account": account,
        # The demo's callers bring keys of their own, and somebody's real one has no business here.
        "upstream_api_key": "",
        "client_tokens": "",
        "proxy_listen": wishes.listen,
        "monitor_listen": wishes.monitor_listen,
        # Nobody wants to wait for half a minute after Ctrl-C.
        "drain_seconds": min(usual.drain_seconds, 5.0),
    }
    if speed != 1:
        ours |= {
            "rate_window_seconds": usual.rate_window_seconds / speed,
            "rate_guard_seconds": max(usual.rate_guard_seconds / speed, _LEAST_GUARD),
            "rate_pace_per_second": min(max(round(usual.rate_pace_per_second * speed), 1), usual.rate_limit),
            "budget_max_wait_seconds": usual.budget_max_wait_seconds / speed,
            "slots_ttl_seconds": usual.slots_ttl_seconds / speed,
            "upstream_slots_cache_seconds": usual.upstream_slots_cache_seconds / speed,
            "upstream_slots_cache_margin_seconds": max(
                usual.upstream_slots_cache_margin_seconds / speed, _LEAST_MARGIN
            ),
            "breaker_open_seconds": usual.breaker_open_seconds / speed,
        }
    return load(overrides=ours)
