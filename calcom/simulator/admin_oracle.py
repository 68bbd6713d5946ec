"""The oracle over HTTP: batches of questions about what was true, and of answers to be judged."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from calcom.simulator import querystring
from calcom.simulator.oracle import EXAMPLES_KEPT, Oracle, ReadRecord
from calcom.simulator.query import SlotsQuery, canonical_of_body
from calcom.simulator.refusals import Refused
from calcom.simulator.routes_slots import Format, parse_query, present
from calcom.simulator.simulation import Simulation


class AdminError(ValueError):
    """The admin's wish cannot be understood; the text says what is allowed."""


def _rows(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = body.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AdminError(f"{name}: a list of objects is expected")
    return rows


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    values = row.get(name, [])
    if not isinstance(values, list):
        raise AdminError(f"{name}: a list is expected")
    return values


def _question(row: Mapping[str, Any]) -> tuple[SlotsQuery, Format]:
    target = row.get("target")
    if not isinstance(target, str):
        raise AdminError("target: the path and query of a GET /v2/slots is expected")
    return parse_query(querystring.parse(urlsplit(target).query.encode()))


def _moment(row: Mapping[str, Any], name: str, default: datetime | None) -> datetime:
    value = row.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AdminError(f"{name}: simulated Unix seconds are expected, as the journal has them")
    return datetime.fromtimestamp(value, UTC)


def _version(row: Mapping[str, Any], name: str, default: int, newest: int) -> int:
    value = row.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= newest:
        raise AdminError(f"{name}: a version from 0 to {newest} is expected")
    return value


def truths(sim: Simulation, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each `{"target", "at", "version"}` the true `data`, or the refusal as `error`.

    `at` defaults to now and sets the clock; `version` defaults to the newest one committed by then."""
    oracle = Oracle(sim.world)
    answers: list[dict[str, Any]] = []
    for row in _rows(body, "queries"):
        at = _moment(row, "at", sim.clock.now())
        version = _version(row, "version", oracle.version_at(at), sim.world.version)
        try:
            query, style = _question(row)
            data = present(oracle.truth(query, version, at), query.time_zone, style)
        except Refused as refusal:
            answers.append({"version": version, "status": refusal.status, "error": refusal.message})
        else:
            answers.append({"version": version, "status": 200, "data": data})
    return answers


def judge(sim: Simulation, body: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of true, aged, partly true and stale answers.

    Each read is `{"target", "data", "floor", "ceiling", "at", "since", "partly", "unheard"}`: `data` as the client
    got it, `floor` and `ceiling` versions (X-Sim-Version of the last write acknowledged before the read began, and
    the newest when it ended; instead of either, `floor_at` and `ceiling_at` in simulated Unix seconds), `at` when
    the answer arrived, `since` the oldest clock reading it may show, `partly` whether it says that slots may be
    missing from it, `unheard` versions up to the floor that had not been acknowledged when the read began."""
    oracle = Oracle(sim.world)
    newest = sim.world.version
    verdict = oracle.judge(_record(oracle, row, sim.clock.now(), newest) for row in _rows(body, "reads"))
    return {
        "reads": verdict.reads,
        "true": verdict.true,
        "aged": verdict.aged,
        "partly": verdict.partly,
        "stale": verdict.stale,
        "shown_gone": verdict.shown_gone,
        "examples": [
            {
                "event_type_id": found.read.query.event_type_id,
                "floor": found.read.floor_version,
                "ceiling": found.read.ceiling_version,
                "at": found.read.at.timestamp(),
                "wrongly_shown": sorted(map(list, found.wrongly_shown), key=str),
                "wrongly_hidden": sorted(map(list, found.wrongly_hidden), key=str),
                "matches": found.matches,
            }
            for found in verdict.examples[:EXAMPLES_KEPT]
        ],
    }


def _record(oracle: Oracle, row: Mapping[str, Any], now: datetime, newest: int) -> ReadRecord:
    query, _ = _question(row)
    data = row.get("data")
    if not isinstance(data, dict):
        raise AdminError("data: the `data` member of the answer is expected")
    at = _moment(row, "at", now)
    latest = oracle.version_at(_moment(row, "ceiling_at", at))
    ceiling = _version(row, "ceiling", latest, newest)
    floor = _version(row, "floor", min(oracle.version_at(_moment(row, "floor_at", at)), ceiling), newest)
    if "ceiling" not in row:
        # A ceiling by the clock is an estimate; what was acknowledged is not.
        ceiling = max(ceiling, floor)
    if floor > ceiling:
        raise AdminError(f"floor: version {floor} is newer than the ceiling {ceiling}")
    return ReadRecord(
        query=query,
        answer=canonical_of_body(data),
        floor_version=floor,
        ceiling_version=ceiling,
        at=at,
        since=_moment(row, "since", at) if "since" in row else None,
        partly=row.get("partly") is True,
        unheard=frozenset(_version({"unheard": one}, "unheard", 0, newest) for one in _list(row, "unheard")),
    )
