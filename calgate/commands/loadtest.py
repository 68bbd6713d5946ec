"""`calgate loadtest`: the promises, shown on the real programs before a simulated Cal.com, with gates."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from calgate.commands.fuzz import fuzz
from calgate.staging import stage
from core import log
from core.clock import Clock, SystemClock
from core.errors import UserError
from core.runner import run
from loadtest.scenarios.report import Report, Tell
from loadtest.scenarios.stage import Needs, Stage

Play = Callable[[Stage, Tell, Clock], Awaitable[Report]]


@click.group()
def loadtest() -> None:
    """The promises, shown on the real programs before a simulated Cal.com.

    Each scenario starts what it needs on free ports, prints what it found, and ends with code 1 when a gate is
    not passed. Nothing of it is left behind.
    """


loadtest.add_command(fuzz)


def _scenario(command: Callable[..., tuple[Needs, Play]]) -> Callable[..., None]:
    """Give a scenario --json, and play what it returns."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
    @functools.wraps(command)
    def wrapper(*args: Any, as_json: bool, **kwargs: Any) -> None:
        needs, play = command(*args, **kwargs)
        _shown(_played(needs, play), as_json=as_json)

    return wrapper


_seed = click.option("--seed", type=int, default=1, show_default=True)


def _gateways(usual: int, *, fewest: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--processes", type=click.IntRange(fewest, 64), default=usual, show_default=True, help="Gateways."
    )


def _shown(playing: Coroutine[Any, Any, Report], *, as_json: bool) -> None:
    """Play, and print what it found."""
    log.configure("error", "console", program="loadtest")
    _finish(run(playing), as_json=as_json)


def _finish(found: Report | None, *, as_json: bool) -> None:
    """Print what was found, and end with what came of it."""
    if found is None:
        raise SystemExit(130)
    click.echo(orjson.dumps(found.as_json()).decode() if as_json else "\n".join(found.lines()))
    if not found.passed:
        raise SystemExit(1)


async def _played(needs: Needs, play: Play) -> Report:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="calgate-") as folder:
        _tell("starting the simulated Cal.com and the gateway")
        async with stage(Path(folder), needs, clock) as built:
            return await play(built, _tell, clock)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now(), UTC)


def _known(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from loadtest.scenarios.sabotage import names

        if value not in names():
            raise click.BadParameter(f"{value!r} is not one of {', '.join(names())}")
    return value


@loadtest.command()
@click.option("--reads", type=click.IntRange(min=100), default=100_000, show_default=True, metavar="N")
@click.option(
    "--seconds", type=float, default=3600.0, help="Stop racing after so long, whatever was reached."
)
@_seed
@_gateways(4)
@click.option("--clients", type=click.IntRange(1, 16), default=2, show_default=True, help="Reader processes.")
@click.option("--kill-every", type=float, default=3.0, show_default=True, help="Seconds; 0 kills nobody.")
@click.option("--fault-every", type=float, default=2.0, show_default=True, help="Seconds; 0 for none.")
@click.option(
    "--learn/--no-learn",
    "learns",
    default=True,
    show_default=True,
    help="Whether the gateway knows the account.",
)
@click.option(
    "--redis-gone",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="Kill Redis for so long, and no process then.",
)
@click.option(
    "--rest",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Between two looks of a reader; a machine that is all busy has no time to prove that Redis is gone.",
)
@click.option(
    "--without", callback=_known, metavar="WHAT", help="Go without a mechanism; see docs/loadtest.md."
)
@_scenario
def race(**options: Any) -> tuple[Needs, Play]:
    """Reads racing writes, over processes that are killed: no answer is stale.

    With --without WHAT the gate turns round: the judge must find stale answers. A rule of reach is raced by itself.
    """
    from loadtest.scenarios import race as scenario
    from loadtest.scenarios.sabotage import REACH

    without = options["without"]
    if without is not None and without.startswith(REACH):
        return _of_a_rule(without.removeprefix(REACH), options["seed"])
    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


def _of_a_rule(rule: str, seed: int, *, without: bool = True) -> tuple[Needs, Play]:
    from loadtest.scenarios import exposing as scenario
    from loadtest.scenarios.rules import UNSEEN_HERE

    if rule in UNSEEN_HERE:
        raise UserError(
            f"reach:{rule} cannot be missed here: {UNSEEN_HERE[rule]}. "
            "It answers to Cal.com's own code; see docs/reach.md."
        )
    plan = scenario.Plan(rule, _now(), seed, without)
    needs = scenario.needs(plan)
    own = needs.own
    assert own is not None
    return needs, lambda stage, tell, clock: scenario.run(stage, own, plan, tell, clock)


def _all_known(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        _known(context, option, value)
    return values


@loadtest.command()
@click.option(
    "--only", multiple=True, callback=_all_known, metavar="WHAT", help="Not all: this, and others so named."
)
@click.option(
    "--seconds", type=click.FloatRange(5), default=45.0, show_default=True, help="Of each longer race."
)
@_seed
@click.option(
    "--at-once", type=click.IntRange(1, 16), default=2, show_default=True, help="Races side by side."
)
@click.option(
    "--control/--no-control", default=True, show_default=True, help="Race each with nothing left out too."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def sabotage(as_json: bool, **options: Any) -> None:
    """Each mechanism and each rule left out in turn: the judge of the race finds it, and nothing with it."""
    from loadtest.scenarios import proving

    async def played() -> Report:
        clock, places = SystemClock(), itertools.count()
        with tempfile.TemporaryDirectory(prefix="calgate-") as folder:
            return await proving.run(
                lambda needs: stage(Path(folder) / str(next(places)), needs, clock),
                proving.Plan(**options),
                _tell,
                clock,
            )

    _shown(played(), as_json=as_json)


@loadtest.command()
@click.option("--misses", type=click.IntRange(min=10), default=10_000, show_default=True, metavar="N")
@_seed
@_gateways(4, fewest=2)
@click.option("--clients", type=click.IntRange(1, 16), default=2, show_default=True, help="Client processes.")
@click.option("--trials", type=click.IntRange(1, 20), default=3, show_default=True, help="Leaders killed.")
@_scenario
def coalesce(**options: Any) -> tuple[Needs, Play]:
    """Everybody asks for the same at once: one call, quick waking, a dead leader replaced."""
    from loadtest.scenarios import coalesce as scenario

    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


@loadtest.command()
@click.option(
    "--days", type=click.IntRange(1, 60), default=30, show_default=True, help="Cached of each service."
)
@click.option(
    "--rounds", type=click.IntRange(1, 100), default=1, show_default=True, help="Of 15 bookings each."
)
@click.option(
    "--writes", type=click.IntRange(0, 100), default=2, show_default=True, help="Of each other kind of write."
)
@_seed
@click.option(
    "--promised/--not-promised",
    default=True,
    show_default=True,
    help="Whether the operator vouches that the round robins are plain; see docs/reach.md.",
)
@_scenario
def invalidation(**options: Any) -> tuple[Needs, Play]:
    """What a write makes go, beside clearing everything and the report's better way: few, and none too few."""
    from loadtest.scenarios import invalidation as scenario

    plan = scenario.Plan(_now(), **options)
    needs = scenario.needs(plan)
    own = needs.own
    assert own is not None
    return needs, lambda stage, tell, clock: scenario.run(stage, own, plan, tell, clock)


@loadtest.command()
@click.option(
    "--rate", type=click.FloatRange(1, 1000), default=100.0, show_default=True, help="Looks a second."
)
@click.option("--seconds", type=click.FloatRange(1), default=120.0, show_default=True, help="That count.")
@click.option("--warm", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds before.")
@click.option("--looks-per-booking", type=click.IntRange(1), default=1000, show_default=True, metavar="N")
@_seed
@_gateways(2)
@_scenario
def trace(**options: Any) -> tuple[Needs, Play]:
    """Overlapping looks of 7, 14 and 30 days: how few calls to Cal.com it takes, beside a cache by URL."""
    from loadtest.scenarios import trace as scenario

    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


@loadtest.command()
@click.option(
    "--wishes", type=click.IntRange(1, 144), default=40, show_default=True, help="Nobody asked near before."
)
@click.option(
    "--warm", type=click.IntRange(0), default=2000, show_default=True, help="More, for the same weeks."
)
@click.option(
    "--bookings", type=click.IntRange(1), default=30, show_default=True, help="Of what was offered."
)
@_seed
@_gateways(2)
@_scenario
def alternatives(**options: Any) -> tuple[Needs, Play]:
    """The next best times when a wish is taken: at once and in one call, beside the report's three to seven."""
    from loadtest.scenarios import alternatives as scenario

    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


@loadtest.command()
@click.option(
    "--rate", type=click.FloatRange(1, 6000), default=50.0, show_default=True, help="Requests a minute."
)
@click.option("--seconds", type=click.FloatRange(1), default=600.0, show_default=True, help="That count.")
@click.option("--warm", type=click.FloatRange(1), default=120.0, show_default=True, help="Seconds before.")
@_seed
@_gateways(2)
@click.option("--callers", type=click.IntRange(1, 1000), default=10, show_default=True)
@_scenario
def mix(**options: Any) -> tuple[Needs, Play]:
    """The report's normal load, a booking and a search for other times for every three looks: how many hit."""
    from loadtest.scenarios import mix as scenario

    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


@loadtest.command()
@click.option("--windows", type=click.IntRange(1), default=40, show_default=True, help="Of each of two acts.")
@click.option("--speed", type=click.FloatRange(1, 60), default=10.0, show_default=True, help="1: as in life.")
@click.option("--processes", type=click.IntRange(1, 10), default=6, show_default=True)
@_seed
@click.option("--kill-every", type=float, default=4.0, show_default=True, help="Windows; 0 kills no process.")
@click.option(
    "--booking-windows",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="Never compressed; 0 for none.",
)
@click.option(
    "--kill-redis", type=float, default=0.0, metavar="SECONDS", help="Kill it in a last act for so long."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def budget(as_json: bool, **options: Any) -> None:
    """Ten times the demand on one key: no block, little unused, bookings first, and Redis killed."""
    from loadtest.scenarios import budget as scenario

    plan = scenario.Plan(**options)

    async def played() -> Report:
        with tempfile.TemporaryDirectory(prefix="calgate-") as folder:
            return await scenario.run(Path(folder), plan, _tell, SystemClock())

    _shown(played(), as_json=as_json)


@loadtest.command()
@click.option(
    "--compress",
    type=click.FloatRange(1, 60),
    default=15.0,
    show_default=True,
    help="How many times shorter than life all times are.",
)
@click.option("--looks", type=click.FloatRange(1, 500), default=20.0, show_default=True, help="A second.")
@click.option("--bookings", type=click.FloatRange(0.1, 50), default=2.0, show_default=True, help="A second.")
@click.option(
    "--kind",
    type=click.Choice(["bad_gateway", "error", "reset", "hang"]),
    default="bad_gateway",
    show_default=True,
    help="How calls fail.",
)
@_seed
@_gateways(4)
@_scenario
def outage(**options: Any) -> tuple[Needs, Play]:
    """Cal.com is down for half an hour: what was seen is shown with its age, bookings are refused at once."""
    from loadtest.scenarios import outage as scenario

    plan = scenario.Plan(**options)
    return scenario.needs(plan), lambda stage, tell, clock: scenario.run(stage, plan, tell, clock)


@loadtest.command()
@click.option(
    "--calls",
    type=click.IntRange(min=1_000),
    default=1_000_000,
    show_default=True,
    metavar="N",
    help="Of each kind of day.",
)
@_seed
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def breaker(calls: int, seed: int, as_json: bool) -> None:
    """The breaker's judgement, simulated: no million calls that fail now and then open it, an outage does at once.

    Starts nothing: the calls are made up.
    """
    from loadtest.scenarios import breaking

    _finish(breaking.run(breaking.Plan(calls, seed), _tell, SystemClock()), as_json=as_json)
