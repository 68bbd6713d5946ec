"""The upstream's own slot cache: short, and blind to writes (contract 4.1)."""

from calcom.simulator.slot_cache import SlotCache


def test_an_answer_lives_as_long_as_the_ttl_from_the_end_of_its_call() -> None:
    cache = SlotCache(2.0)
    cache.put(b"k", b"body", 10.0)
    assert cache.get(b"k", 11.99) == b"body"
    assert cache.get(b"k", 12.0) is None


def test_a_later_call_renews_the_answer() -> None:
    cache = SlotCache(2.0)
    cache.put(b"k", b"old", 10.0)
    cache.put(b"k", b"new", 11.0)
    assert cache.get(b"k", 12.5) == b"new"


def test_other_inputs_have_other_answers() -> None:
    cache = SlotCache(2.0)
    cache.put(b"k", b"body", 10.0)
    assert cache.get(b"l", 10.0) is None


def test_a_ttl_of_nothing_keeps_nothing() -> None:
    cache = SlotCache(0.0)
    cache.put(b"k", b"body", 10.0)
    assert cache.get(b"k", 10.0) is None
    assert len(cache) == 0


def test_a_full_cache_drops_the_oldest() -> None:
    cache = SlotCache(2.0, max_entries=2)
    for key in (b"a", b"b", b"c"):
        cache.put(key, key, 1.0)
    assert [cache.get(key, 1.0) for key in (b"a", b"b", b"c")] == [None, b"b", b"c"]
