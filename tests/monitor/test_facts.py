from dataclasses import replace

from core.clients import Client
from exporters.catalogue import CATALOGUE
from exporters.collectors.clients import ClientFacts, parse
from monitor.collecting import Outcome
from monitor.facts import STORE_FRESH_SECONDS, Facts, families, this_build
from tests.monitor.worlds import BUILD, INDEXES, NOW, WELL, failed, good

CLIENTS = ClientFacts(parse((Client("shop", (b"1",), 50),), 120, {b"shop:hit": b"3"}, {"shop": 7}).clients)
FULL = replace(WELL, database=good(INDEXES), clients=good(CLIENTS))
NOTHING = Facts(NOW, *(Outcome() for _ in range(5)))


def values(facts: Facts) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, tuple(s.labels.items())): s.value for f in families(facts, BUILD) for s in f.samples}


def test_every_metric_of_the_catalogue_is_exposed_and_no_other() -> None:
    names = [f.name for f in families(FULL, BUILD)]
    assert sorted(names) == sorted(m.name.removesuffix("_total") for m in CATALOGUE)


def test_a_fact_never_read_has_no_series() -> None:
    names = {name for name, _ in values(NOTHING)}
    assert names == {"calgate_up", "calgate_build_info", "calgate_monitor_series"}


def test_the_number_of_series_counts_itself() -> None:
    found = values(FULL)
    assert found["calgate_monitor_series", ()] == len(found)


def test_the_gateway_is_up_while_one_reader_of_the_store_succeeds() -> None:
    one_odd = replace(WELL, cache=failed(WELL.cache, last=NOW - 99))
    assert values(one_odd)["calgate_up", ()] == 1
    old = {
        name: good(getattr(WELL, name).value, NOW - STORE_FRESH_SECONDS - 1)
        for name in ("budget", "cache", "jobs", "breaker")
    }
    assert values(replace(WELL, **old))["calgate_up", ()] == 0  # type: ignore[arg-type]


def test_a_failing_collector_ages_a_number_and_keeps_the_rest() -> None:
    found = values(replace(WELL, cache=failed(WELL.cache, last=NOW - 99)))
    cache = (("collector", "cache"),)
    assert found["calgate_monitor_collector_success", cache] == 0
    assert found["calgate_monitor_collector_last_success_timestamp_seconds", cache] == NOW - 99
    assert found["calgate_cache_keys", (("scope", "slots"),)] == 1209


def test_without_a_database_nothing_is_said_of_one() -> None:
    assert not [name for name, labels in values(WELL) if "db" in name or ("collector", "database") in labels]


def test_indexes_are_always_named_present_or_not() -> None:
    found = values(FULL)
    labels = (("db", "main"), ("relation", "Booking"), ("index", "gone_idx"))
    assert found["calgate_db_index_present", labels] == 0
    down = values(replace(FULL, database=failed(good(INDEXES))))
    assert down["calgate_db_up", (("db", "main"),)] == 0


def test_gateway_workers_are_those_with_a_lease() -> None:
    assert values(WELL)["calgate_workers_alive", ()] == 2


def test_the_build_is_known() -> None:
    assert this_build().version[0].isdigit()
