from hypothesis import given
from hypothesis import strategies as st

from dashboards.grid import place
from dashboards.panels import COLUMNS, Tile

tiles = st.lists(
    st.builds(
        Tile,
        id=st.integers(1, 99),
        kind=st.just("graph"),
        title=st.just("t"),
        about=st.just("a"),
        runbook=st.just("r"),
        unit=st.just("s"),
        queries=st.just(()),
        width=st.integers(1, COLUMNS),
        height=st.integers(1, 12),
    ),
    max_size=20,
)


@given(tiles, st.integers(0, 50))
def test_tiles_never_overlap_nor_leave_the_grid(given_tiles: list[Tile], top: int) -> None:
    taken: set[tuple[int, int]] = set()
    for tile, x, y in place(given_tiles, top):
        cells = {(x + dx, y + dy) for dx in range(tile.width) for dy in range(tile.height)}
        assert not taken & cells
        assert x + tile.width <= COLUMNS
        assert y >= top
        taken |= cells
