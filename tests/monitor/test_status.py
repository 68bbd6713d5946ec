import json
from dataclasses import replace

from exporters.collectors.breaker import BreakerFacts, BreakerState
from exporters.collectors.jobs import JobFacts
from monitor.collecting import Outcome
from monitor.facts import Facts
from monitor.status import Place, Status, as_text, build
from monitor.verdict import judge
from tests.monitor.test_verdict import TRAFFIC
from tests.monitor.worlds import BUILD, INDEXES, NOW, WELL, failed, good, merged

PLACE = Place("default", "https://user:hunter2@cal.example")


def status(facts: Facts = WELL) -> Status:
    return build(facts, TRAFFIC, judge(facts, TRAFFIC), PLACE, BUILD)


def test_times_become_ages_for_a_reader_without_a_clock() -> None:
    facts = replace(
        WELL,
        breaker=good(BreakerFacts((BreakerState("slots", "open", NOW - 14),))),
        jobs=good(JobFacts(pending=2, oldest=NOW - 5, workers=1)),
    )
    found = status(facts)
    assert found.budget is not None
    assert found.breakers is not None
    assert found.queue is not None
    assert found.workers is not None
    assert found.budget[0].next_free_in == 31.0
    assert found.breakers[0].for_seconds == 14.0
    assert found.queue.oldest_age == 5.0
    assert (found.workers[0].up_for, found.workers[0].beat_ago) == (60.0, 0.5)


def test_what_was_never_read_is_unknown_not_zero() -> None:
    nothing = Facts(NOW, *(Outcome() for _ in range(5)))
    found = status(nothing)
    assert (found.budget, found.cache_keys, found.breakers, found.queue, found.workers) == (None,) * 5
    assert found.indexes is None
    assert found.collectors[0].age is None


def test_slots_given_up_in_good_order_or_long_ago_are_not_listed() -> None:
    crashed = replace(merged("proxy").slots[0], alive=False, beat=NOW - 60)
    slots = (
        crashed,
        replace(crashed, slot=1, clean=True, beat=0.0),
        replace(crashed, slot=2, beat=NOW - 3600),
    )
    found = status(replace(WELL, slots=good(replace(merged(), slots=slots)))).workers
    assert found is not None
    assert [(w.slot, w.alive) for w in found] == [(0, False)]


def test_a_database_that_never_answered_has_an_empty_list() -> None:
    assert status(replace(WELL, database=Outcome(finished=NOW))).indexes == ()
    assert status(replace(WELL, database=good(INDEXES))).indexes == INDEXES


def test_the_upstreams_credentials_are_masked() -> None:
    assert "hunter2" not in json.dumps(status().as_json())


def test_the_json_is_plain_data() -> None:
    document = json.loads(json.dumps(status().as_json()))
    assert document["verdict"]["level"] == "ok"
    assert document["budget"][0]["used"] == 41
    assert document["traffic"]["hit_ratio"] == 0.83


def test_the_text_begins_with_the_verdict_and_fits_a_terminal() -> None:
    lines = as_text(status()).splitlines()
    assert lines[0] == judge(WELL, TRAFFIC).sentence
    assert "budget c1: 41 of 120 in 61 s, peak 60" in lines
    assert "processes: proxy-0, proxy-1, worker-2" in lines
    assert len(lines) < 24


def test_the_text_names_what_fails() -> None:
    text = as_text(status(replace(WELL, cache=failed(WELL.cache, "connection refused", NOW - 60))))
    assert "collector cache: connection refused" in text
