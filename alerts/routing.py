"""The Alertmanager file: who hears of what, and what is not said twice."""

from dataclasses import dataclass

from alerts.definitions import define
from alerts.model import Alert
from alerts.rules import to_yaml


@dataclass(frozen=True, slots=True)
class Receivers:
    """Webhook addresses. The defaults go nowhere, so that a forgotten one shows as a failed delivery."""

    pager: str = "http://pager.invalid/"
    ticket: str = "http://ticket.invalid/"
    heartbeat: str = "http://heartbeat.invalid/"


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While any of `sources` fires, `targets` are not sent: they are its consequences."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]


WATCHDOG = "CalgateWatchdog"
DOWN = "CalgateDown"

INHIBITIONS = (
    Inhibition(
        ("CalgateUpstreamRateLimited",),
        ("CalgateRateBudgetExhausting", "CalgateRateBudgetHigh", "CalgateBreakerOpen"),
    ),
    Inhibition(("CalgateRateBudgetExhausting",), ("CalgateRateBudgetHigh",)),
    Inhibition(("CalgateInvalidationStalled",), ("CalgateQueueBacklog",)),
)
"""Beside these, `CalgateDown` silences every alert but itself and the watchdog."""


def alertmanager(alerts: tuple[Alert, ...], receivers: Receivers) -> dict[str, object]:
    """The Alertmanager configuration for `alerts`, valid from 0.25 on.

    One incident is one notification (grouping by our `incident` label, not by alert name). Pages wait 5 s for
    their siblings instead of the default half a minute.
    """
    everything = Inhibition((DOWN,), tuple(a.name for a in alerts if a.name not in (DOWN, WATCHDOG)))
    return {
        "route": {
            "receiver": "ticket",
            "group_by": ["incident", "cluster"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "receiver": "heartbeat",
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "1m",
                },
                {
                    "matchers": ['severity="page"'],
                    "receiver": "pager",
                    "group_wait": "5s",
                    "group_interval": "1m",
                    "repeat_interval": "1h",
                },
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [_any_of(inhibition.sources)],
                "target_matchers": [_any_of(inhibition.targets)],
                "equal": ["cluster"],
            }
            for inhibition in (everything, *INHIBITIONS)
        ],
        "receivers": [
            {"name": name, "webhook_configs": [{"url": url, "send_resolved": name != "heartbeat"}]}
            for name, url in (
                ("pager", receivers.pager),
                ("ticket", receivers.ticket),
                ("heartbeat", receivers.heartbeat),
            )
        ],
    }


def routing_file(receivers: Receivers | None = None) -> str:
    """The configuration as YAML."""
    return to_yaml(alertmanager(define(), receivers or Receivers()))


def _any_of(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return f'alertname="{names[0]}"'
    return f'alertname=~"{"|".join(names)}"'
