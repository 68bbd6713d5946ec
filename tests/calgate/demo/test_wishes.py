"""The demo's options lead to settings that fit the simulated Cal.com."""

import pytest

from calgate.demo.wishes import Wishes, settings_for
from core.errors import SettingsError
from core.settings import Settings


def made(wishes: Wishes) -> Settings:
    return settings_for(wishes, upstream_url="http://127.0.0.1:8090", account="demo-1").settings


def test_a_demo_never_calls_the_real_cal_com_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALGATE_UPSTREAM_URL", "https://api.cal.com")
    monkeypatch.setenv("CALGATE_REDIS_URL", "redis://production:6379")
    monkeypatch.setenv("CALGATE_DATABASE_URL", "postgresql://production/app")
    monkeypatch.setenv("CALGATE_UPSTREAM_API_KEY", "cal_live_production")
    monkeypatch.setenv("CALGATE_CLIENT_TOKENS", f"shop=sha256:{'0' * 64}")
    settings = made(Wishes())
    assert settings.secrets() == {}
    assert settings.upstream_url == "http://127.0.0.1:8090"
    assert (settings.redis_url, settings.database_url) == ("embedded", "embedded")


def test_other_settings_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_WORKERS", "3")
    assert made(Wishes()).workers == 3


def test_at_the_speed_of_life_nothing_is_scaled() -> None:
    settings, usual = made(Wishes()), Settings()
    assert settings.rate_window_seconds == usual.rate_window_seconds
    assert settings.slots_ttl_seconds == usual.slots_ttl_seconds


@pytest.mark.parametrize("speed", [0.5, 2, 10, 30])
def test_whatever_hangs_on_cal_coms_clock_follows_the_speed(speed: float) -> None:
    settings = made(Wishes(speed=speed))
    assert settings.rate_window_seconds == pytest.approx(60 / speed)
    assert settings.upstream_slots_cache_seconds == pytest.approx(2 / speed)
    assert settings.slots_ttl_seconds == pytest.approx(60 / speed)
    assert settings.rate_limit == 120


def test_what_allows_for_travel_does_not_shrink_to_nothing() -> None:
    settings = made(Wishes(speed=30))
    assert settings.rate_guard_seconds == 0.2
    assert settings.upstream_slots_cache_margin_seconds == 0.05


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("speed", 0.0),
        ("speed", 31.0),
        ("rate", 0.0),
        ("rate", 60001.0),
        ("duration", 0.0),
        ("duration", -1.0),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(option: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"--{option} .*must be above 0"):
        Wishes(**{option: value})  # type: ignore[arg-type]


def test_a_wrong_address_is_named() -> None:
    with pytest.raises(SettingsError, match="proxy_listen"):
        made(Wishes(listen="nonsense"))
