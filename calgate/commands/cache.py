"""`calgate cache`: why an answer is as it is, make it go, compare it with Cal.com."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom import versions
from calcom.account import AccountMap
from calcom.reach import Reach, Stretch, Write, reach_of_write
from calcom.slots import parse
from calgate.commands.cache_report import audit_lines, kept_lines, told_lines
from calgate.commands.options import settings_options
from calgate.composition import stores
from core.clock import SystemClock
from core.errors import UserError
from core.keys import Keys
from core.redis import connect
from core.settings import Loaded, Settings
from exporters.slots import WorkerSlot
from proxy.cache import chronicle, inventory
from proxy.cache.audit import Auditor, Finding, Verdict, can_audit
from proxy.cache.chronicle import Line, line_of
from proxy.cache.inventory import Kept
from proxy.cache.stamps import EVERYTHING, SETTING, Fields, written_on
from proxy.cache.store import Store, Timing
from proxy.pool import transport
from proxy.telemetry import Telemetry
from proxy.wiring import calls_of, keeper_of

_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group()
def cache() -> None:
    """The cached answers: why they go and whether they are true."""


@cache.command()
@click.argument("look", required=False, metavar="[LOOK]")
@click.option(
    "--event-type", type=click.IntRange(1), metavar="ID", help="The cached answers about one event type."
)
@click.option("--booking", metavar="ID@START", help="What a booking of event type ID at START would make go.")
@_json
@settings_options
def explain(
    loaded: Loaded, look: str | None, event_type: int | None, booking: str | None, as_json: bool
) -> None:
    """Say why. Without arguments: the last invalidations, what each touched and by which rule.

    LOOK is a request for slots as a client makes it, such as '/v2/slots?eventTypeId=101&start=...&end=...':
    what is cached of it, and whether it would be served. START is a time such as 2026-12-01T10:00Z.
    """
    if sum(one is not None for one in (look, event_type, booking)) > 1:
        raise click.UsageError("give one of LOOK, --event-type and --booking.")
    if booking is not None:
        reach = asyncio.run(_reach(loaded.settings, booking))
        _say([asdict(one) for one in reach.touches] if as_json else reach.explain(), as_json=as_json)
    elif look is None and event_type is None:
        story = asyncio.run(_told(loaded.settings))
        rows = [asdict(one) for one in story]
        _say(rows if as_json else [text for one in story for text in told_lines(one)], as_json=as_json)
    else:
        found, told = asyncio.run(_kept(loaded.settings, look, event_type))
        rows = [{**asdict(one), "state": one.state.value} for one in found]
        _say(rows if as_json else list(kept_lines(found, told)), as_json=as_json)


@cache.command()
@click.option("--all", "everything", is_flag=True, help="Every cached answer of the account.")
@click.option(
    "--event-type", "types", type=click.IntRange(1), multiple=True, metavar="ID", help="May be repeated."
)
@click.option(
    "--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Only these UTC days of the event types."
)
@click.option("--settings", "is_settings", is_flag=True, help="Event types, schedules, teams and the like.")
@_json
@settings_options
def purge(
    loaded: Loaded,
    everything: bool,
    types: tuple[int, ...],
    days: tuple[str, ...],
    is_settings: bool,
    as_json: bool,
) -> None:
    """Make cached answers unservable in every process, at once; also what is being fetched just now.

    Nothing has to be purged for bookings made through the gateway. This is for what was changed elsewhere.
    """
    fields = fields_of(everything=everything, types=types, days=days, is_settings=is_settings)
    generation, concerned = asyncio.run(_purge(loaded.settings, fields))
    if as_json:
        click.echo(json.dumps({"generation": generation, "answers": concerned}))
    else:
        click.echo(f"{concerned} cached answers may no longer be served (generation {generation}).")


@cache.command()
@click.option(
    "--sample", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many answers."
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Ask with the Cal.com API key in this file, which then pays; else as anybody, who may ask for slots too.",
)
@click.option("--repair", is_flag=True, help="Make what differs unservable.")
@click.option("--seed", type=int, help="Choose the same answers again.")
@_json
@settings_options
def audit(
    loaded: Loaded, sample: int, key_file: Path | None, repair: bool, seed: int | None, as_json: bool
) -> None:
    """Compare cached answers, chosen at random, with what Cal.com says now; exit code 1 if one is stale.

    A difference counts when it is still there three seconds later. Calls are paid from the lowest class: while the
    budget is short this waits, and gives up rather than take a client's.
    """
    key = key_file.read_text().strip() if key_file else loaded.settings.secrets().get("upstream_api_key", "")
    found = asyncio.run(_audit(loaded.settings, sample, key, repair=repair, rng=random.Random(seed)))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2, default=str))
    else:
        click.echo("\n".join(audit_lines(found)))
    if any(one.verdict is Verdict.STALE for one in found):
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the commands look at."""

    redis: Redis
    keys: Keys
    settings: Settings


@asynccontextmanager
async def _place(settings: Settings) -> AsyncIterator[_Place]:
    # The database has nothing to say here, and need not be started.
    async with stores(settings.model_copy(update={"database_url": None})) as found:
        redis = connect(found.settings.redis_url, client_name="calgate-cache", account=found.settings.account)
        try:
            yield _Place(redis, Keys(settings.account), found.settings)
        except RedisError as error:
            raise UserError(f"the cache is in Redis, which does not answer: {error}") from error
        finally:
            await redis.aclose()


async def _told(settings: Settings) -> list[Line]:
    async with _place(settings) as at:
        return await chronicle.lines(at.redis, at.keys)


async def _kept(
    settings: Settings, look: str | None, event_type: int | None
) -> tuple[list[Kept], dict[int, Line]]:
    async with _place(settings) as at:
        told = {one.generation: one for one in await chronicle.lines(at.redis, at.keys)}
        if look is not None:
            query = parse(look.partition("?")[2], versions.SLOTS)
            if query is None:
                raise UserError(
                    f"{look!r} is no look that is kept: it takes a start, an end and one of Cal.com's ways to name "
                    "event types, each once, as in '/v2/slots?eventTypeId=101&start=2026-12-01&end=2026-12-07'"
                )
            return await inventory.kept_of(at.redis, at.keys, query), told
        return [
            one for one in await inventory.kept(at.redis, at.keys) if f"t{event_type}" in one.fields
        ], told


def _is_about(one: Kept, event_type: int | None) -> bool:
    """Whether it speaks of the type, or asked for it before the account map knew it."""
    asked = parse_qsl(one.target.partition("?")[2])
    return f"t{event_type}" in one.fields or ("eventTypeId", str(event_type)) in asked


async def _reach(settings: Settings, booking: str) -> Reach:
    number, _, start = booking.partition("@")
    try:
        at_time = datetime.fromisoformat(start)
        request = {"eventTypeId": int(number), "start": at_time.isoformat(), "attendee": {}}
    except ValueError:
        raise UserError(f"{booking!r}: must be ID@START, as in 101@2026-12-01T10:00Z") from None
    async with _place(settings) as at:
        now = SystemClock().now()
        account: AccountMap = await keeper_of(at.settings, at.redis, at.keys).confirmed(now)
    write = Write("POST", "/v2/bookings", request)
    return reach_of_write(account, write, datetime.fromtimestamp(now, UTC)).merged()


async def _purge(settings: Settings, fields: Fields) -> tuple[int, int]:
    async with _place(settings) as at:
        found = await inventory.kept(at.redis, at.keys)
        concerned = sum(not one.outdated_by and not {*fields}.isdisjoint(one.fields) for one in found)
        store = Store(at.redis, at.keys, Timing.of(at.settings))
        write, others = await store.write_begin()
        generation = await store.write_end(
            write, known=True, fields=fields, why=line_of("calgate cache purge")
        )
        if others:
            # A process that was not told, cut off from Redis, trusts its own copies no longer than this.
            await SystemClock().sleep(store.timing.near)
        return generation, concerned


async def _audit(
    settings: Settings, sample: int, key: str, *, repair: bool, rng: random.Random
) -> list[Finding]:
    async with _place(settings) as at:
        chosen = [one for one in await inventory.kept(at.redis, at.keys) if can_audit(one)]
        rng.shuffle(chosen)
        clock = SystemClock()
        http = transport(at.settings, clock)
        with _uncounted() as telemetry:
            calls = calls_of(at.settings, http, at.redis, at.keys, telemetry, clock)
            store = Store(at.redis, at.keys, Timing.of(at.settings))
            auditor = Auditor(store, calls, clock, rng=rng)
            found = []
            try:
                for number, one in enumerate(chosen[:sample], 1):
                    click.echo(f"{number}/{min(sample, len(chosen))} {one.target}", err=True)
                    found.append(await auditor.audit(one, key, repair=repair))
            finally:
                await calls.breakers.aclose()
                await http.aclose()
            return found


@contextmanager
def _uncounted() -> Iterator[Telemetry]:
    """Counters of our own: the metrics are about the gateway's processes."""
    with tempfile.TemporaryDirectory() as folder, WorkerSlot.open(Path(folder), 0, "audit") as slot:
        yield Telemetry(slot)


def fields_of(*, everything: bool, types: Sequence[int], days: Sequence[str], is_settings: bool) -> Fields:
    """The fields a purge writes. Raises UserError where the choice makes no sense."""
    if everything == bool(types or is_settings):
        raise UserError("say what: --all, or --event-type ID (with --day), or --settings")
    if days and not types:
        raise UserError("--day needs an --event-type: days are of event types")
    if everything:
        return EVERYTHING
    try:
        purged = [_whole(date.fromisoformat(day)) for day in days]
    except ValueError as error:
        raise UserError(f"--day: {error}; must be as in 2026-12-01") from None
    fields = {SETTING} if is_settings else set()
    for one in types:
        fields |= {"?", f"T{one}"}.union(*(written_on(one, day) for day in purged))
        if not purged:
            fields.add(f"t{one}")
    return tuple(sorted(fields))


def _whole(day: date) -> Stretch:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Stretch(start, start + timedelta(days=1, seconds=-1))


def _say(found: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
    else:
        click.echo("\n".join(found) if found else "Nothing yet.")
