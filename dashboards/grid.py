"""Places for tiles: left to right, top to bottom, nothing overlapping."""

from collections.abc import Iterable, Iterator
from typing import Any

from grafanalib import core

from alerts.model import Links
from dashboards.panels import COLUMNS, Band, Tile, build

_FIRST_ROW_ID = 1000
"""Row headings have ids of their own, far from the panels' that alerts point at."""


def place(tiles: Iterable[Tile], top: int) -> Iterator[tuple[Tile, int, int]]:
    """Each tile with its column and row; a tile that does not fit beside the last begins a new line."""
    x, y, line = 0, top, 0
    for tile in tiles:
        if x + tile.width > COLUMNS:
            x, y, line = 0, y + line, 0
        yield tile, x, y
        x += tile.width
        line = max(line, tile.height)


def lay_out(bands: tuple[Band, ...], links: Links) -> list[Any]:
    """All panels of a dashboard. A collapsed band keeps its tiles inside its heading, as Grafana wants
    them.
    """
    panels: list[Any] = []
    y = 0
    for number, band in enumerate(bands):
        tiles = list(place(band.tiles, y + 1))
        built = [build(tile, links, x, row) for tile, x, row in tiles]
        panels.append(
            core.RowPanel(
                id=_FIRST_ROW_ID + number,
                title=band.title,
                collapsed=band.collapsed,
                gridPos=core.GridPos(h=1, w=COLUMNS, x=0, y=y),
                panels=built if band.collapsed else [],
            )
        )
        if band.collapsed:
            y += 1
        else:
            panels += built
            y = max(row + tile.height for tile, _, row in tiles)
    return panels
