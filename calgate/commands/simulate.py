"""`calgate simulate`: a faithful stand-in for the Cal.com API."""

from pathlib import Path
from typing import Any

import click

from calcom.simulator.latency import PROFILES
from calcom.simulator.options import STATE_READS, OptionsError, SimulatorOptions
from calcom.simulator.seed import MAIN_KEY
from calcom.simulator.server import Ports, serve
from core import log
from core.errors import UserError
from core.runner import run

_DEFAULT = SimulatorOptions()
_SHARE = click.FloatRange(0, 1)

EPILOG = f"""\b
Try it:
  curl -H 'cal-api-version: 2024-09-04' \\
    'http://{_DEFAULT.listen}/v2/slots?eventTypeId=101&start=2030-01-07&end=2030-01-11'
  curl http://{_DEFAULT.admin_listen}/world

\b
The key {MAIN_KEY} is always valid; {MAIN_KEY}.anything is a further key of
the same user with a rate limit of its own. GET /world on the admin port lists the others.

\b
On the admin port (JSON both ways, simulated seconds):
  GET  /stats /journal /world /webhooks /faults
  POST /faults       {{"kind": "bad_gateway", "classes": ["slots"], "count": 3}}
  POST /faults       {{"kind": "reset", "method": "POST", "when": "after"}}
  POST /latency      {{"profile": "20-25"}}
  POST /block        {{"seconds": 60}}
  POST /clock        {{"action": "advance", "seconds": 3600}}
  POST /oracle/truth /oracle/judge /reset
"""


@click.command(epilog=EPILOG)
@click.option(
    "--listen", metavar="HOST:PORT", default=_DEFAULT.listen, show_default=True, help="Where the API answers."
)
@click.option(
    "--admin",
    "admin_listen",
    metavar="HOST:PORT",
    default=_DEFAULT.admin_listen,
    show_default=True,
    help="Where faults, figures and the oracle are.",
)
@click.option("--admin-anywhere", is_flag=True, help="Let the admin port listen beyond this machine.")
@click.option(
    "--ports-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the real addresses here as JSON, for port 0.",
)
@click.option(
    "--speed",
    type=float,
    default=_DEFAULT.speed,
    show_default=True,
    help="Simulated seconds per second; scales windows, latency, caches and expiry alike.",
)
@click.option(
    "--seed", type=int, default=_DEFAULT.seed, show_default=True, help="Same seed, same data and same dice."
)
@click.option(
    "--latency",
    type=click.Choice(list(PROFILES)),
    default=_DEFAULT.latency,
    show_default=True,
    help="How slow Cal.com is; `report` is an ordinary day.",
)
@click.option(
    "--state-read",
    type=click.Choice(STATE_READS),
    default=_DEFAULT.state_read,
    show_default=True,
    help="When within a call the state is read that its answer shows.",
)
@click.option(
    "--rate-limit", type=int, default=_DEFAULT.rate_limit, show_default=True, help="Calls per window."
)
@click.option("--rate-window", type=float, default=_DEFAULT.rate_window, show_default=True, help="Seconds.")
@click.option("--rate-block", type=float, default=_DEFAULT.rate_block, show_default=True, help="Seconds.")
@click.option(
    "--slots-cache",
    "slots_cache_ttl",
    type=float,
    default=_DEFAULT.slots_cache_ttl,
    show_default=True,
    help="Life of Cal.com's own cached slots, in seconds; 0 for none.",
)
@click.option("--webhook-loss", type=_SHARE, default=0.0, help="Share of webhooks that never arrive.")
@click.option("--webhook-duplicates", type=_SHARE, default=0.0, help="Share that arrive twice.")
@click.option("--webhook-delayed", type=_SHARE, default=0.0, help="Share that arrive 10 to 120 s late.")
@click.option("--webhook-reordered", type=_SHARE, default=0.0, help="Share that later ones overtake.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append every request with its times to this file, one JSON object a line.",
)
def simulate(**options: Any) -> None:
    """A faithful stand-in for the Cal.com API.

    It has hosts, teams and calendars, computes real slots, refuses as Cal.com refuses, and blocks whoever calls
    more than 120 times a minute. Point a client's or the gateway's Cal.com URL at it.
    """
    log.configure("info", "console", program="simulator")
    try:
        run(serve(SimulatorOptions(**options), started=_announce))
    except OptionsError as error:
        raise UserError(str(error)) from None


def _announce(ports: Ports) -> None:
    click.echo(f"Cal.com, simulated: {ports.url}   admin: {ports.admin_url}   key: {MAIN_KEY}")


command = simulate
