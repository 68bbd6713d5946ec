"""A mapping that is copied on write and shares all but a sliver with its ancestor.

Ten thousand versions of a plain dict of ten thousand bookings would not fit in memory; here a version costs
a kilobyte or so: two arrays of 32 and one small dict.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar, overload

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

WIDTH = 32


class PersistentMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping; `set` and `without` return a changed copy. Iteration order means nothing.

    Equal only to itself, so that what was derived from it can be remembered by it at no cost.
    """

    __slots__ = ("_root", "_size")

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        empty: dict[K, V] = {}
        leaves = [[empty] * WIDTH for _ in range(WIDTH)]
        for key, value in items:
            high, low = divmod(hash(key) % (WIDTH * WIDTH), WIDTH)
            leaves[low][high] = {**leaves[low][high], key: value}
        self._root: tuple[tuple[dict[K, V], ...], ...] = tuple(tuple(branch) for branch in leaves)
        self._size = sum(len(leaf) for branch in self._root for leaf in branch)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    @classmethod
    def _of(cls, root: tuple[tuple[dict[K, V], ...], ...], size: int) -> PersistentMap[K, V]:
        made = cls.__new__(cls)
        made._root, made._size = root, size
        return made

    def _leaf(self, key: object) -> dict[K, V]:
        high, low = divmod(hash(key) % (WIDTH * WIDTH), WIDTH)
        return self._root[low][high]

    def __getitem__(self, key: K) -> V:
        return self._leaf(key)[key]

    def __contains__(self, key: object) -> bool:
        return key in self._leaf(key)

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: V | D | None = None) -> V | D | None:
        """The value of `key`, else `default`; the mixin's would raise and catch on every absence."""
        return self._leaf(key).get(key, default)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[K]:
        for branch in self._root:
            for leaf in branch:
                yield from leaf

    def __repr__(self) -> str:
        return f"PersistentMap({self._size} entries)"

    def _replaced(self, key: K, leaf: dict[K, V]) -> PersistentMap[K, V]:
        high, low = divmod(hash(key) % (WIDTH * WIDTH), WIDTH)
        branch = self._root[low]
        size = self._size + len(leaf) - len(branch[high])
        branch = (*branch[:high], leaf, *branch[high + 1 :])
        return self._of((*self._root[:low], branch, *self._root[low + 1 :]), size)

    def set(self, key: K, value: V) -> PersistentMap[K, V]:
        """A copy in which `key` has `value`."""
        return self._replaced(key, {**self._leaf(key), key: value})

    def without(self, key: K) -> PersistentMap[K, V]:
        """A copy that lacks `key`, or this very map if it lacks it already."""
        leaf = self._leaf(key)
        if key not in leaf:
            return self
        return self._replaced(key, {k: v for k, v in leaf.items() if k != key})
