"""What a simulator can be told at start. Checked once, here; everything below trusts it."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from calcom.simulator.latency import PROFILES

STATE_READS = ("start", "end", "random")


class OptionsError(ValueError):
    """An option is wrong; the text names it, says what is allowed, and is fit to show to the user."""


def parse_listen(text: str, *, option: str = "listen") -> tuple[str, int]:
    """(host, port) of "HOST:PORT"; IPv6 hosts in brackets; port 0 lets the system choose.

    Raises OptionsError."""
    host, separator, port_text = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port_text.isdigit() or int(port_text) > 65535:
        raise OptionsError(f'{option}: "{text}" is not HOST:PORT; write for instance 127.0.0.1:8090')
    return host, int(port_text)


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Everything about one simulator. Times are simulated seconds unless they say otherwise.

    Raises OptionsError when a value cannot work."""

    listen: str = "127.0.0.1:8090"
    admin_listen: str = "127.0.0.1:8091"
    #: The admin port can freeze time and break things, so it stays on loopback unless this is set.
    admin_anywhere: bool = False
    #: Where to write {"url", "admin_url", "port", "admin_port", "pid"} once both ports answer.
    ports_file: Path | None = None
    #: Simulated seconds per real second.
    speed: float = 1.0
    seed: int = 1
    #: Contract 2: calls per window of one API key; the anonymous bucket has the same.
    rate_limit: int = 120
    rate_window: float = 60.0
    rate_block: float = 60.0
    latency: str = "report"
    #: When, within a slots call, the state is read that the answer shows.
    state_read: str = "random"
    #: Contract 4.1: SLOTS_CACHE_TTL. 0 turns the cache off.
    slots_cache_ttl: float = 2.0
    webhook_loss: float = 0.0
    webhook_duplicates: float = 0.0
    webhook_delayed: float = 0.0
    webhook_reordered: float = 0.0
    #: Requests remembered for GET /journal; older ones are only in the file.
    journal_size: int = 100_000
    journal: Path | None = None

    def __post_init__(self) -> None:
        parse_listen(self.listen)
        host, _ = parse_listen(self.admin_listen, option="admin_listen")
        if not is_loopback(host) and not self.admin_anywhere:
            raise OptionsError(
                f"admin_listen: {host} is reachable from other machines, and the admin port needs no password; "
                "listen on 127.0.0.1, or allow it with --admin-anywhere"
            )
        if not 0 < self.speed <= 10_000:
            raise OptionsError(f"speed: {self.speed} is not above 0 and at most 10000")
        if self.rate_limit < 1:
            raise OptionsError(f"rate_limit: {self.rate_limit} is not a positive number of calls")
        for name in ("rate_window", "rate_block"):
            if getattr(self, name) <= 0:
                raise OptionsError(f"{name}: {getattr(self, name)} is not a positive number of seconds")
        if self.slots_cache_ttl < 0:
            raise OptionsError(f"slots_cache_ttl: {self.slots_cache_ttl} is negative; 0 turns the cache off")
        if self.journal_size < 1:
            raise OptionsError(f"journal_size: {self.journal_size} is not a positive number of entries")
        if self.latency not in PROFILES:
            raise OptionsError(f'latency: "{self.latency}" is not one of {", ".join(PROFILES)}')
        if self.state_read not in STATE_READS:
            raise OptionsError(f'state_read: "{self.state_read}" is not one of {", ".join(STATE_READS)}')
        for name in ("webhook_loss", "webhook_duplicates", "webhook_delayed", "webhook_reordered"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionsError(f"{name}: {getattr(self, name)} is not a share between 0 and 1")
