"""The numbers a gateway process counts, bound once: a request must not pay for looking a label up."""

from __future__ import annotations

from itertools import product

from calcom.paths import Breaker
from exporters.catalogue import (
    ADMISSIONS,
    ALTERNATIVES_RESULTS,
    BY_NAME,
    CACHED_ROUTES,
    COALESCED_OUTCOMES,
    CODE_CLASSES,
    COMPARISON_OUTCOMES,
    CREDENTIALS,
    FILL_OUTCOMES,
    FILL_REASONS,
    LOOKUP_RESULTS,
    LOST_OUTCOMES,
    OUTCOMES,
    PURPOSES,
    RETRY_OUTCOMES,
    ROUTES,
    SCOPES,
    SHEDDING,
    SPARED_REASONS,
    UPSTREAM_ENDPOINTS,
    UPSTREAM_OUTCOMES,
)
from exporters.slots import Histogram, WorkerSlot
from proxy.breaker.machine import State
from proxy.clients.tally import Tally
from proxy.governor.purpose import Purpose

ALTERNATIVES = "alternatives"
GATEWAY = "gateway"
INVALID = "invalid"


class Telemetry:
    """Everything one gateway process counts. Methods are named after what happened."""

    def __init__(self, slot: WorkerSlot) -> None:
        counter, histogram = slot.counter, slot.histogram
        self._requests = {
            pair: counter("calgate_http_requests_total", route=pair[0], code_class=pair[1])
            for pair in product(ROUTES, CODE_CLASSES)
        }
        self._durations = {
            (route, outcome): histogram("calgate_http_request_duration_seconds", route=route, outcome=outcome)
            for route, outcome in product(ROUTES, OUTCOMES)
            if _can_happen(route, outcome)
        }
        self._in_flight = {
            route: slot.gauge("calgate_http_requests_in_flight", route=route) for route in ROUTES
        }
        self._lookups = {
            pair: counter("calgate_cache_lookups_total", scope=pair[0], result=pair[1])
            for pair in product(SCOPES, LOOKUP_RESULTS)
        }
        # Bound once more, down to the method: here every look-up would show in what a hit costs.
        self._hit_answered = self._requests["slots", "2xx"].inc
        self._hit_looked_up = self._lookups["slots", "hit"].inc
        self._hit_took = self._durations["slots", "hit"].observe
        self._coalesced = {
            pair: counter("calgate_cache_coalesced_requests_total", scope=pair[0], outcome=pair[1])
            for pair in product(SCOPES, COALESCED_OUTCOMES)
        }
        self._fills = {
            row: counter("calgate_cache_fills_total", scope=row[0], reason=row[1], outcome=row[2])
            for row in product(SCOPES, FILL_REASONS, FILL_OUTCOMES)
        }
        self._fill_duration = {
            scope: histogram("calgate_cache_fill_duration_seconds", scope=scope) for scope in SCOPES
        }
        self._age = {
            pair: histogram("calgate_freshness_served_age_seconds", scope=pair[0], result=pair[1])
            for pair in product(SCOPES, ("hit", "stale_hit", "negative_hit"))
        }
        self._hit_aged = self._age["slots", "hit"].observe
        self._shared = counter("calgate_cache_range_answers_total")
        self._compared = {
            outcome: counter("calgate_cache_range_comparisons_total", outcome=outcome)
            for outcome in COMPARISON_OUTCOMES
        }
        self._alternatives = {
            result: counter("calgate_alternatives_answers_total", result=result)
            for result in ALTERNATIVES_RESULTS
        }
        self._invalidations = {
            outcome: counter("calgate_cache_invalidations_total", trigger="write", outcome=outcome)
            for outcome in ("applied", "failed")
        }
        self._spared = {
            reason: counter("calgate_bookings_spared_total", reason=reason) for reason in SPARED_REASONS
        }
        self._lost = {
            outcome: counter("calgate_bookings_lost_total", outcome=outcome) for outcome in LOST_OUTCOMES
        }
        self._jobs_enqueued = counter("calgate_jobs_enqueued_total", queue="jobs")
        self._upstream = {
            row: counter(
                "calgate_upstream_requests_total", endpoint=row[0], purpose=row[1], code_class=row[2]
            )
            for row in BY_NAME["calgate_upstream_requests_total"].series()
        }
        self._upstream_durations = {
            pair: histogram("calgate_upstream_request_duration_seconds", endpoint=pair[0], outcome=pair[1])
            for pair in product(UPSTREAM_ENDPOINTS, UPSTREAM_OUTCOMES)
        }
        self._rate_limited = {
            endpoint: counter("calgate_upstream_rate_limited_total", endpoint=endpoint)
            for endpoint in UPSTREAM_ENDPOINTS
        }
        self._in_hand = slot.gauge("calgate_upstream_calls_in_hand")
        self._shed = {
            pair: counter("calgate_upstream_shed_total", purpose=pair[0], how=pair[1])
            for pair in product(PURPOSES, SHEDDING)
        }
        self._retried = {
            outcome: counter("calgate_upstream_retries_total", outcome=outcome) for outcome in RETRY_OUTCOMES
        }
        self._denied = {
            pair: counter("calgate_budget_denied_total", credential=pair[0], purpose=pair[1])
            for pair in product(CREDENTIALS, PURPOSES)
        }
        self._let_go = {
            purpose: counter("calgate_budget_let_go_total", purpose=purpose) for purpose in PURPOSES
        }
        self._budget_wait = {
            purpose: histogram("calgate_budget_wait_duration_seconds", purpose=purpose)
            for purpose in PURPOSES
        }
        self._transitions = {
            pair: counter("calgate_breaker_transitions_total", endpoint=pair[0].value, to_state=pair[1].value)
            for pair in product(Breaker, State)
        }
        self._rejected = {
            endpoint: counter("calgate_breaker_rejected_total", endpoint=endpoint.value)
            for endpoint in Breaker
        }
        self._turned_away = {why: counter("calgate_client_unauthorized_total", why=why) for why in ADMISSIONS}
        self.tally = Tally()
        self._loop_lag: Histogram = histogram("calgate_worker_event_loop_lag_seconds")

    def began(self, route: str) -> None:
        self._in_flight[route].add(1)

    def ended(self, route: str, status: int, outcome: str, seconds: float, client: str = "") -> None:
        """A request is over; *status* 0 means the client went away before it had one."""
        self._in_flight[route].add(-1)
        if client:
            self.tally.answered(client, outcome)
        self.answered(route, status, outcome, seconds)

    def answered(self, route: str, status: int, outcome: str, seconds: float) -> None:
        self._requests[route, _code_class(status)].inc()
        if not _can_happen(route, outcome):
            outcome = "error" if outcome == "error" else "refused"
        self._durations[route, outcome].observe(seconds)

    def looked_up(self, result: str, scope: str = "slots") -> None:
        self._lookups[scope, result].inc()

    def served_from_cache(self, age: float, result: str = "hit", scope: str = "slots") -> None:
        self._lookups[scope, result].inc()
        self._age[scope, result].observe(age)

    def hit_at_once(self, age: float, seconds: float, client: str = "") -> None:
        """A look was answered from the process's own copies before it became a request."""
        if client:
            self.tally.answered(client, "hit")
        self._hit_answered()
        self._hit_looked_up()
        self._hit_took(seconds)
        self._hit_aged(age)

    def coalesced(self, outcome: str, scope: str = "slots") -> None:
        self._coalesced[scope, outcome].inc()

    def filled(self, reason: str, outcome: str, seconds: float, scope: str = "slots") -> None:
        self._fills[scope, reason, outcome].inc()
        self._fill_duration[scope].observe(seconds)

    def shared(self) -> None:
        """A look was answered out of windows."""
        self._shared.inc()

    def compared(self, outcome: str) -> None:
        """What windows say was compared with Cal.com's own answer."""
        self._compared[outcome].inc()

    def offered(self, result: str) -> None:
        """A wish was answered."""
        self._alternatives[result].inc()

    def invalidated(self, *, applied: bool) -> None:
        self._invalidations["applied" if applied else "failed"].inc()
        if applied:
            self._jobs_enqueued.inc()

    def spared(self, reason: str) -> None:
        """A write was answered without the call it asked for."""
        self._spared[reason].inc()

    def lost(self, outcome: str) -> None:
        """Cal.com's answer to a write was lost, and this is what a look gave."""
        self._lost[outcome].inc()

    def called(self, endpoint: str, purpose: Purpose, status: int, outcome: str, seconds: float) -> None:
        self._upstream[endpoint, purpose, _code_class(status)].inc()
        self._upstream_durations[endpoint, outcome].observe(seconds)
        if status == 429:
            self._rate_limited[endpoint].inc()

    def in_hand(self, calls: int) -> None:
        self._in_hand.set(calls)

    def shed(self, purpose: Purpose, how: str) -> None:
        """A call found no place in this process, or had to give its place up."""
        self._shed[purpose, how].inc()

    def retried(self, outcome: str) -> None:
        """A read that failed quickly was, or was not, tried once more."""
        self._retried[outcome].inc()

    def waited_for_budget(self, purpose: Purpose, seconds: float) -> None:
        self._budget_wait[purpose].observe(seconds)

    def denied(self, alias: str, purpose: Purpose) -> None:
        self._denied[alias, purpose].inc()

    def let_go(self, purpose: Purpose) -> None:
        """A call left that would have been held, had nobody asked for shadow mode."""
        self._let_go[purpose].inc()

    def breaker_moved(self, endpoint: Breaker, state: State) -> None:
        self._transitions[endpoint, state].inc()

    def rejected(self, endpoint: Breaker) -> None:
        self._rejected[endpoint].inc()

    def turned_away(self, why: str) -> None:
        """A request showed no token of this gateway."""
        self._turned_away[why].inc()

    def lagged(self, seconds: float) -> None:
        self._loop_lag.observe(seconds)


def _code_class(status: int) -> str:
    return f"{status // 100}xx" if 100 <= status < 600 else "none"


def _can_happen(route: str, outcome: str) -> bool:
    """What is never cached can neither hit nor miss nor share; nonsense is only ever refused."""
    if route in CACHED_ROUTES:
        return True
    allowed = ("refused", "error") if route == INVALID else ("pass", "refused", "error")
    return outcome in allowed
