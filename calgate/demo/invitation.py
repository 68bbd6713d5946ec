"""What a person can open and try once the demo is up."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from calgate.demo.stage import Stage
from loadtest.catalogue import Catalogue
from loadtest.traffic import SLOTS_VERSION


@dataclass(frozen=True, slots=True)
class Invitation:
    """`places` are label, URL and a remark."""

    places: tuple[tuple[str, str, str], ...]
    command: str
    """For a shell; one line, so that it can be copied from anywhere."""
    notes: tuple[str, ...] = ()
    event_types: dict[int, str] = field(default_factory=dict)


def invitation(built: Stage, town: Catalogue) -> Invitation:
    """The invitation to what `built` runs."""
    urls = built.stack.urls
    places = [("Gateway", urls.proxy, "stands for https://api.cal.com")]
    if urls.monitor is not None:
        places += [
            ("Status page", f"{urls.monitor}/", ""),
            ("Metrics", f"{urls.monitor}/metrics", "for Prometheus; calgate alerts and calgate dashboards"),
        ]
    places += [
        ("Cal.com", built.simulator.url, "simulated, with its latencies and its limits"),
        ("Break it", built.simulator.admin_url, "faults, clock, calendars, journal"),
    ]
    return Invitation(
        places=tuple(places),
        command=curl(urls.proxy, town, town.today),
        notes=built.moved,
        event_types={one.id: f"{one.team_slug or one.username}/{one.slug}" for one in town.event_types},
    )


def curl(origin: str, town: Catalogue, today: date) -> str:
    """A look at the most popular event type's next days; run twice, the second is a hit."""
    first, last = today + timedelta(days=1), today + timedelta(days=3)
    target = f"/v2/slots?eventTypeId={town.event_types[0].id}&start={first}&end={last}"
    headers = f"-H 'cal-api-version: {SLOTS_VERSION}' -H 'Authorization: Bearer {town.api_keys[0]}'"
    return f"curl -si '{origin}{target}' {headers}"
