from dataclasses import replace

import pytest

from exporters.collectors.breaker import BreakerFacts, BreakerState
from exporters.collectors.budget import BudgetFacts
from exporters.collectors.jobs import JobFacts
from monitor.collecting import Outcome
from monitor.facts import Facts
from monitor.history import compare
from monitor.verdict import judge
from tests.monitor.test_history import ZERO, later
from tests.monitor.worlds import BUDGET, INDEXES, NOW, WELL, failed, good, merged

TRAFFIC = compare((ZERO, later(ZERO, lookups=100, hits=83, requests=100)))


def test_when_nothing_is_wrong_it_says_so_with_three_figures() -> None:
    verdict = judge(WELL, TRAFFIC)
    assert verdict.level == "ok"
    assert verdict.sentence == (
        "All right. 41 of 120 calls this minute. 83\u202f% of lookups answered from the cache. "
        "Every known change is applied."
    )


def test_without_traffic_it_claims_no_ratio() -> None:
    assert "lookups" not in judge(WELL, None).sentence
    assert "No call to Cal.com yet." in judge(replace(WELL, budget=good(BudgetFacts())), None).sentence


def test_before_the_first_round_it_is_starting_not_broken() -> None:
    assert judge(replace(WELL, jobs=Outcome()), None).level == "starting"


def jobs(**facts: float) -> Facts:
    return replace(WELL, jobs=good(JobFacts(**{"workers": 1, **facts})))  # type: ignore[arg-type]


def budget(**facts: float) -> Facts:
    return replace(WELL, budget=good(BudgetFacts((replace(BUDGET, **facts),))))  # type: ignore[arg-type]


STORE_GONE = replace(
    WELL,
    budget=failed(WELL.budget, last=NOW - 30),
    cache=failed(WELL.cache, last=NOW - 30),
    jobs=failed(WELL.jobs, last=NOW - 30),
    breaker=failed(WELL.breaker, last=NOW - 30),
)


@pytest.mark.parametrize(
    ("facts", "severity", "text"),
    [
        (STORE_GONE, "page", "Redis has not answered for 30 s"),
        (replace(WELL, slots=good(merged("worker"))), "page", "No gateway process is alive"),
        (budget(blocked_until=NOW + 42), "page", "c1 is blocked by Cal.com for another 42 s"),
        (budget(peak=109), "page", "c1 has used 109 of its 120 calls"),
        (
            replace(WELL, breaker=good(BreakerFacts((BreakerState("slots", "open", NOW),)))),
            "page",
            "The breaker for slots is open",
        ),
        (jobs(oldest=NOW - 11, oldest_invalidation=NOW - 11), "page", "Stale cache: a change known for 11 s"),
        (jobs(oldest=NOW - 31), "ticket", "The oldest job has waited 31 s"),
        (jobs(workers=0), "ticket", "No job worker is alive"),
        (jobs(dead=2), "ticket", "2 jobs failed on every try and are kept"),
        (replace(WELL, database=good(INDEXES)), "ticket", "Index gone_idx is missing."),
        (
            replace(WELL, database=good((replace(INDEXES[0], valid=False),))),
            "ticket",
            "Index Booking_start_idx is invalid.",
        ),
        (
            replace(WELL, cache=failed(WELL.cache, "odd", NOW - 16)),
            "ticket",
            "The collector cache fails: odd",
        ),
    ],
)
def test_each_trouble_is_one_finding_with_something_to_do(facts: Facts, severity: str, text: str) -> None:
    verdict = judge(facts, TRAFFIC)
    (finding,) = verdict.findings
    assert finding.severity == severity
    assert finding.text.startswith(text)
    assert finding.action
    assert verdict.level == ("act" if severity == "page" else "look")
    assert verdict.sentence.startswith("Act now. " + text if severity == "page" else "Working, with 1 thing")


@pytest.mark.parametrize(
    "facts",
    [
        budget(peak=108),
        budget(blocked_until=NOW),
        jobs(oldest=NOW - 10, oldest_invalidation=NOW - 10),
        jobs(oldest=NOW - 30),
        replace(WELL, breaker=good(BreakerFacts((BreakerState("slots", "half_open", NOW),)))),
        replace(WELL, cache=failed(WELL.cache, "one slow answer", NOW - 3)),
        replace(WELL, database=good(INDEXES[:1])),
    ],
)
def test_up_to_its_objective_nothing_is_a_finding(facts: Facts) -> None:
    assert judge(facts, TRAFFIC).level == "ok"


def test_what_a_store_said_before_it_went_is_no_finding_but_a_block_is() -> None:
    troubled = jobs(workers=0, dead=3, oldest=NOW - 99, oldest_invalidation=NOW - 99)
    gone = replace(STORE_GONE, jobs=failed(troubled.jobs, last=NOW - 30))
    assert len(judge(gone, TRAFFIC).findings) == 1
    blocked = replace(gone, budget=failed(budget(blocked_until=NOW + 9, peak=120).budget, last=NOW - 30))
    assert judge(blocked, TRAFFIC).findings[1].text == "c1 is blocked by Cal.com for another 9.0 s."


def test_several_indexes_of_one_trouble_are_one_finding() -> None:
    gone = tuple(replace(INDEXES[1], index=name) for name in ("a_idx", "b_idx"))
    (finding,) = judge(replace(WELL, database=good(gone)), TRAFFIC).findings
    assert finding.text == "2 expected indexes are missing: a_idx, b_idx."


def test_a_429_in_the_last_minutes_is_a_page() -> None:
    verdict = judge(WELL, replace(TRAFFIC, rate_limited=1))
    assert verdict.findings[0].text == "Cal.com answered 429 1 time in the last minutes."


def test_pages_come_first_and_the_rest_is_counted() -> None:
    facts = replace(jobs(workers=0, dead=1), slots=good(merged()))
    verdict = judge(facts, TRAFFIC)
    assert [f.severity for f in verdict.findings] == ["page", "ticket", "ticket"]
    assert verdict.sentence.endswith("And 2 more things below.")


def test_a_store_that_never_answered_is_told_apart_from_one_that_stopped() -> None:
    never = replace(
        STORE_GONE,
        **{name: failed(Outcome(finished=NOW)) for name in ("budget", "cache", "jobs", "breaker")},  # type: ignore[arg-type]
    )
    assert judge(never, None).findings[0].text.startswith("Redis does not answer")
