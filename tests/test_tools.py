"""tests/tools.py"""

import pytest

from tests.tools import eventually, missing, require_tool


def test_a_tool_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_REQUIRE_TOOLS", "1")
    assert require_tool("sh", "dash").endswith("/sh")


def test_a_missing_tool_skips_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALGATE_REQUIRE_TOOLS", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match="no-such-tool is not on the PATH: apt-get install some-package"
    ):
        require_tool("no-such-tool", "some-package")


def test_a_missing_tool_fails_where_every_proof_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install some-package"):
        require_tool("no-such-tool", "some-package")


def test_whatever_else_is_missing_is_treated_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALGATE_REQUIRE_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no network"):
        missing("no network")
    monkeypatch.setenv("CALGATE_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="no network"):
        missing("no network")


async def test_patience_ends() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(TimeoutError):
        await eventually(never, seconds=0.03)
