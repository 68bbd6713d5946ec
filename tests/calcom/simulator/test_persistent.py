"""Maps copied on write."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from calcom.simulator.persistent import PersistentMap

KEYS = st.one_of(
    st.integers(-3000, 3000), st.text(max_size=3), st.tuples(st.text(max_size=1), st.integers(0, 5))
)


@given(st.lists(st.tuples(st.sampled_from(("set", "without")), KEYS, st.integers())))
def test_a_map_says_what_a_dict_would(steps: list[tuple[str, int | str | tuple[str, int], int]]) -> None:
    model: dict[int | str | tuple[str, int], int] = {}
    made: PersistentMap[int | str | tuple[str, int], int] = PersistentMap()
    for step, key, value in steps:
        if step == "set":
            model[key] = value
            made = made.set(key, value)
        else:
            model.pop(key, None)
            made = made.without(key)
        assert len(made) == len(model)
        assert made.get(key) == model.get(key)
        assert (key in made) == (key in model)
    assert dict(made) == model
    assert dict(PersistentMap(model.items())) == model


@given(st.dictionaries(st.integers(0, 50), st.integers(), min_size=1), st.integers(0, 50))
def test_an_older_map_never_changes(start: dict[int, int], key: int) -> None:
    old = PersistentMap(start.items())
    old.set(key, -1)
    old.without(key)
    assert dict(old) == start


def test_a_version_of_ten_thousand_entries_costs_little() -> None:
    big = PersistentMap((number, number) for number in range(10_000))
    changed = big.set(5, 0)
    pairs = list(zip(changed._root, big._root, strict=True))
    branches = [new for new, old in pairs if new is not old]
    leaves = [leaf for new, old in pairs for leaf, former in zip(new, old, strict=True) if leaf is not former]
    assert (len(branches), len(leaves)) == (1, 1)
    assert sum(map(sys.getsizeof, (changed._root, *branches, *leaves))) < 2048


def test_maps_with_equal_entries_are_different_keys() -> None:
    one, other = PersistentMap([(1, 1)]), PersistentMap([(1, 1)])
    assert one != other
    assert len({one, other}) == 2
