"""`calgate demo`: everything at once, with a simulated Cal.com and traffic: what to try first."""

import sys

import click

from calgate.demo.play import play
from calgate.demo.show import Json, Lines, Picture, Show
from calgate.demo.wishes import FASTEST, Wishes
from core.clock import SystemClock
from core.runner import run


@click.command()
@click.option(
    "--rate",
    type=float,
    default=60.0,
    show_default=True,
    metavar="N",
    help="Client requests a minute, at speed 1.",
)
@click.option(
    "--speed",
    type=float,
    default=1.0,
    show_default=True,
    metavar="N",
    help=f"How many times as fast as life everything goes, at most {FASTEST:g}: Cal.com's clock and limits, the "
    "cache's lifetimes, the callers.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="Another town, other callers."
)
@click.option("--duration", type=float, metavar="SECONDS", help="Stop after so long instead of at Ctrl-C.")
@click.option("--traffic/--no-traffic", default=True, help="Whether anybody calls.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway answers.  [default: 127.0.0.1:8080]")
@click.option(
    "--monitor-listen", metavar="HOST:PORT", help="Where the status page is.  [default: 127.0.0.1:9464]"
)
@click.option(
    "--plain", is_flag=True, help="Lines instead of a picture, as when the output is not a terminal."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def demo(
    rate: float,
    speed: float,
    seed: int,
    duration: float | None,
    traffic: bool,
    listen: str | None,
    monitor_listen: str | None,
    plain: bool,
    as_json: bool,
) -> None:
    """Run the gateway before a simulated Cal.com, with callers, and show what it is worth.

    Starts a real Redis and PostgreSQL, the simulated Cal.com, the gateway, its worker and its monitor. Ctrl-C stops
    all of it and leaves nothing behind.
    """
    wishes = Wishes(rate, speed, seed, duration, traffic, listen, monitor_listen)
    clock = SystemClock()
    show: Show
    if as_json:
        show = Json(clock)
    elif plain or not sys.stdout.isatty():
        show = Lines(clock)
    else:
        show = Picture(clock)
    run(play(wishes, show, clock))
