"""Each way clears what it says and nothing else; a way that does not is found out."""

import os
import shutil
from pathlib import Path

import pytest

from loadtest.bench import clearing, servers
from loadtest.bench.clearing import OURS, Way, targets


def test_the_sets_are_the_reports() -> None:
    looks, few = targets()
    assert (len(looks), len(set(looks)), few) == (340, 340, 36)


async def test_every_way_that_can_be_had_clears_both_sets(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    rows, left_out = await clearing.measured(tmp_path, 1, (core, core))
    assert {row.name for row in rows} | left_out.keys() == clearing._WAYS.keys()
    assert {row.cleared for row in rows} == {36, 340}
    assert {row.ratio_to_ours for row in rows if row.name == OURS} == {1.0}
    assert all(row.seconds > 0 for row in rows)


async def test_a_way_that_leaves_something_is_found_out() -> None:
    async def nothing(*_: object) -> None:
        return None

    async def always(look: str) -> bool:
        return True

    with pytest.raises(RuntimeError, match="idle: /look is still there"):
        await clearing._expect(Way(nothing, nothing, always), "idle", "/look", False)


def test_what_is_not_installed_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(servers.Missing, match="apt-get install varnish"):
        servers.program("varnishd", "varnish")
