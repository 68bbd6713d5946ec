"""Is all well? One sentence, and what to do about each thing that is not. Pure: facts in, words out.

A finding is a "page" exactly where the alerts page: the credential is blocked or will be, callers may be
given wrong slots, callers are failed now, or nobody is watching. The thresholds are the objectives'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from alerts.objectives import OBJECTIVES
from monitor import words
from monitor.facts import Facts
from monitor.history import Traffic

Level = Literal["ok", "look", "act", "starting"]

# Below this age of the last good read a failing collector is not worth a sentence: one slow answer is no event.
_COLLECTOR_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Finding:
    """One thing that is not well, and the first thing to do about it."""

    severity: Literal["page", "ticket"]
    text: str
    action: str


@dataclass(frozen=True)
class Verdict:
    """The sentence at the top, and everything that made it."""

    level: Level
    sentence: str
    findings: tuple[Finding, ...] = ()


def judge(facts: Facts, traffic: Traffic | None) -> Verdict:
    """Weigh everything known. The worst finding gives the level; pages come first."""
    if not facts.complete:
        return Verdict("starting", "Starting. The first figures appear in a moment.")
    findings = sorted(_findings(facts, traffic), key=lambda f: f.severity != "page")
    pages = sum(f.severity == "page" for f in findings)
    if pages:
        more = len(findings) - 1
        rest = f" And {words.plural(more, 'more thing')} below." if more else ""
        return Verdict("act", f"Act now. {findings[0].text}{rest}", tuple(findings))
    if findings:
        count = words.plural(len(findings), "thing")
        return Verdict(
            "look", f"Working, with {count} to look at. {_summary(facts, traffic)}", tuple(findings)
        )
    return Verdict("ok", f"All right. {_summary(facts, traffic)}")


def _summary(facts: Facts, traffic: Traffic | None) -> str:
    """Say the three figures worth knowing when nothing is wrong."""
    parts = []
    budgets = facts.budget.value.credentials if facts.budget.value else ()
    if budgets:
        fullest = max(budgets, key=lambda b: b.used / max(b.limit, 1))
        parts.append(f"{fullest.used} of {fullest.limit} calls this minute.")
    else:
        parts.append("No call to Cal.com yet.")
    if traffic is not None and traffic.hit_ratio is not None:
        parts.append(f"{words.percent(traffic.hit_ratio)} of lookups answered from the cache.")
    if facts.jobs.value is not None and not facts.jobs.value.invalidations_pending:
        parts.append("Every known change is applied.")
    return " ".join(parts)


def _findings(facts: Facts, traffic: Traffic | None) -> Iterator[Finding]:
    yield from _platform(facts)
    if traffic is not None:
        yield from _limited(traffic)
    yield from _blocked(facts)
    # What a store said that is gone is no ground for sending anybody anywhere; a block has an end of its own.
    if facts.store_readable:
        yield from _upstream(facts)
        yield from _governor(facts)
        yield from _freshness(facts)
    yield from _database(facts)


def _platform(facts: Facts) -> Iterator[Finding]:
    if not facts.store_readable:
        last = max(o.last_success for o in (facts.budget, facts.cache, facts.jobs, facts.breaker))
        since = f"has not answered for {words.duration(facts.now - last)}" if last else "does not answer"
        yield Finding(
            "page",
            f"Redis {since}: no cache, no call budget; what is shown of them is old.",
            "Is it running, and is CALGATE_REDIS_URL right? `calgate config` prints the address in use.",
        )
    merged = facts.slots.value
    if merged is not None and not merged.alive("proxy"):
        yield Finding(
            "page",
            "No gateway process is alive: every caller is failed.",
            "`calgate up` starts them; the last lines of their log say why they ended.",
        )
    for name, outcome in facts.outcomes().items():
        told_above = name in ("budget", "cache", "jobs", "breaker") and not facts.store_readable
        if outcome.success or told_above or facts.now - outcome.last_success <= _COLLECTOR_PATIENCE_SECONDS:
            continue
        yield Finding(
            "ticket",
            f"The collector {name} fails: {outcome.error}.",
            "Its figures have stopped moving, and alerts that read them are blind, until it succeeds.",
        )


def _blocked(facts: Facts) -> Iterator[Finding]:
    for budget in facts.budget.value.credentials if facts.budget.value else ():
        if budget.blocked_until > facts.now:
            left = words.duration(budget.blocked_until - facts.now)
            yield Finding(
                "page",
                f"{budget.credential} is blocked by Cal.com for another {left}.",
                "Wait it out: a retry prolongs it. Reads come from the cache; bookings are refused until then.",
            )


def _governor(facts: Facts) -> Iterator[Finding]:
    """What makes the call budget other than it should be."""
    budget = facts.budget.value
    if budget is None:
        return
    if budget.is_shadow:
        yield Finding(
            "ticket",
            "Shadow mode is on: calls that should be held are let go, and Cal.com may block the key.",
            "`calgate budget --explain` shows which; set `rate_shadow` to false before relying on the gateway.",
        )
    if budget.set_aside:
        yield Finding(
            "ticket",
            f"{words.percent(budget.set_aside)} of all calls are set aside for processes that Redis cannot hear.",
            "`calgate budget` names them and says until when; one that has gone for good costs its share until then.",
        )


def _upstream(facts: Facts) -> Iterator[Finding]:
    headroom = OBJECTIVES["rate_limit_headroom"].threshold
    for budget in facts.budget.value.credentials if facts.budget.value else ():
        if budget.peak > headroom * budget.limit and budget.blocked_until <= facts.now:
            yield Finding(
                "page",
                f"{budget.credential} has used {budget.peak} of its {budget.limit} calls in one window.",
                "The next burst will be refused. Who spends it: `calgate_upstream_requests_total` by purpose.",
            )
    for breaker in facts.breaker.value.breakers if facts.breaker.value else ():
        if breaker.state == "open":
            yield Finding(
                "page",
                f"The breaker for {breaker.endpoint} is open: those calls are refused because Cal.com fails them.",
                "Is Cal.com down? One probe goes out by itself every few seconds; nothing needs to be reset.",
            )


def _limited(traffic: Traffic) -> Iterator[Finding]:
    if not OBJECTIVES["rate_limited"].holds(traffic.rate_limited):
        yield Finding(
            "page",
            f"Cal.com answered 429 {words.plural(traffic.rate_limited, 'time')} in the last minutes.",
            "Something else spends calls on the same key, or the limit is set too high: `calgate config`.",
        )


def _freshness(facts: Facts) -> Iterator[Finding]:
    jobs = facts.jobs.value
    if jobs is None:
        return
    pending = facts.now - jobs.oldest_invalidation if jobs.oldest_invalidation else 0.0
    waiting = facts.now - jobs.oldest if jobs.oldest else 0.0
    if not OBJECTIVES["pending_invalidation"].holds(pending):
        yield Finding(
            "page",
            f"Stale cache: a change known for {words.duration(pending)} has not been cleaned up.",
            "Is a job worker alive? `calgate worker` starts one; the gateway itself serves nothing outdated.",
        )
    elif not OBJECTIVES["queue_recovery"].holds(waiting):
        yield Finding(
            "ticket",
            f"The oldest job has waited {words.duration(waiting)}.",
            "More workers, or one job that never ends: the worker's log names it.",
        )
    if not jobs.workers:
        yield Finding("ticket", "No job worker is alive.", "`calgate worker` starts one.")
    if not OBJECTIVES["dead_jobs"].holds(jobs.dead):
        yield Finding(
            "ticket",
            f"{words.plural(jobs.dead, 'job')} failed on every try and {'is' if jobs.dead == 1 else 'are'} kept.",
            "The worker's log has the error of each try.",
        )


def _database(facts: Facts) -> Iterator[Finding]:
    if facts.database is None or facts.database.value is None:
        return
    for state, names in (
        ("missing", [i.index for i in facts.database.value if not i.present]),
        ("invalid", [i.index for i in facts.database.value if i.present and not i.valid]),
    ):
        if not names:
            continue
        which = f"Index {names[0]} is" if len(names) == 1 else f"{len(names)} expected indexes are"
        rest = "" if len(names) == 1 else f": {', '.join(names)}"
        yield Finding(
            "ticket",
            f"{which} {state}{rest}.",
            "`calgate indexes status` explains; `calgate indexes apply` creates it without blocking writers.",
        )
