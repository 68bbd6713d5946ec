"""The figures are of the bodies they are named after, and the gate can fail."""

import pytest
from click.testing import CliRunner

from calcom.booking_requests import certainly_refused
from core.clock import FakeClock
from loadtest.bench import bookings
from loadtest.bench.bookings import BODIES, Figure, measured


class Ticking(FakeClock):
    """Every look at the clock takes a millisecond."""

    def monotonic(self) -> float:
        self._monotonic += 0.001
        return self._monotonic


def test_what_is_called_refused_is_and_the_rest_is_not() -> None:
    now = FakeClock().now()
    headers = {"content-type": "application/json", "cal-api-version": "2024-08-13"}
    refused = {
        name
        for name, body in BODIES.items()
        if certainly_refused("POST", "/v2/bookings", headers, body, now) is not None
    }
    assert refused == {"no start", "in the past", "no JSON"}


def test_a_figure_is_what_the_clock_says() -> None:
    figure = measured(lambda: None, Ticking(), times=10)
    assert figure.middle == pytest.approx(0.001)
    assert figure.most == pytest.approx(0.001)


def test_a_slow_check_fails_the_gate_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"plain": Figure(0.0001, 0.0004), "everything": Figure(0.0001, 0.0005)}
    monkeypatch.setattr(bookings, "figures", lambda clock, *, times: found)
    result = CliRunner().invoke(bookings.main)
    assert result.exit_code == 1
    assert "not under 0.5 ms: everything" in result.output


def test_every_body_is_measured() -> None:
    result = CliRunner().invoke(bookings.main, ["--times", "2"])
    assert all(name in result.output for name in BODIES)
