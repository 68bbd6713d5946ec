"""How the demo tells what happens: a living picture for people, lines for pipes, JSON for programs."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import orjson
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from calgate.demo.figures import Figures
from calgate.demo.invitation import Invitation
from calgate.demo.screen import duration, picture
from calgate.demo.words import line, summary
from core.clock import Clock

# Of a low terminal, so many lines are left to what was printed before the picture.
_ROOM_ABOVE = 8
_LOWEST_PICTURE = 16
_TALLEST_PICTURE = 34


class Show(Protocol):
    """A way of telling. `every` is how often it wants to be updated, in seconds."""

    every: float

    def step(self, name: str) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        """A part of the start-up, timed; what it yields takes the words that close it."""
        ...

    def invite(self, invitation: Invitation) -> None:
        """All is up: this is what can be opened and tried."""
        ...

    def playing(self) -> contextlib.AbstractContextManager[None]:
        """Around all updates."""
        ...

    def update(self, figures: Figures) -> None: ...

    def conclude(self, figures: Figures) -> None:
        """The last figures, just before everything is stopped."""
        ...

    def gone(self) -> None:
        """Everything has been stopped and removed."""
        ...


class Picture:
    """For a terminal. Uses the ordinary screen, so that what was printed stays when it ends."""

    every = 0.2

    def __init__(self, clock: Clock, console: Console | None = None) -> None:
        self._clock = clock
        self._console = console or Console(highlight=False)
        self._names: dict[int, str] = {}
        self._live: Live | None = None

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        begun, closing = self._clock.monotonic(), ""

        def done(words: str) -> None:
            nonlocal closing
            closing = words

        try:
            with self._console.status(Text(name), spinner="dots", spinner_style="cyan"):
                yield done
        except BaseException:
            self._console.print(Text.assemble(("  ✗ ", "bold red"), name))
            raise
        took = duration(self._clock.monotonic() - begun)
        text = Text.assemble(("  ✓ ", "bold green"), f"{name:<26}", (closing, "dim"))
        text.truncate(max(self._console.width - 10, 40), overflow="ellipsis", pad=True)
        self._console.print(text.append(f"{took:>9}", style="dim"), soft_wrap=True)

    def invite(self, invitation: Invitation) -> None:
        self._names = invitation.event_types
        self._console.print()
        for note in invitation.notes:
            self._console.print(Text.assemble(("  ! ", "bold yellow"), note))
        for label, url, remark in invitation.places:
            text = Text.assemble(f"  {label:<13}", (url, "bold cyan"))
            if self._console.width >= 100 or len(remark) + len(url) + 18 <= self._console.width:
                text.append(f"  {remark}", style="dim")
            self._console.print(text, soft_wrap=True)
        # Printed as it is, so that it can be copied whole.
        self._console.print(Text.assemble("  Try          ", invitation.command), soft_wrap=True)
        self._console.print()

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        with Live(
            console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop"
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def update(self, figures: Figures) -> None:
        if self._live is not None:
            width, height = self._console.size
            height = min(height - 1, max(height - _ROOM_ABOVE, _LOWEST_PICTURE), _TALLEST_PICTURE)
            drawn = picture(figures, width=width, height=height, event_types=self._names)
            self._live.update(drawn, refresh=True)

    def conclude(self, figures: Figures) -> None:
        for sentence in summary(figures):
            self._console.print(Padding(Text(sentence), (0, 2)))
        self._console.print(Text("  Stopping …", style="dim"))

    def gone(self) -> None:
        self._console.print(Text.assemble(("  ✓ ", "bold green"), "Everything is stopped and removed."))


class Lines:
    """For a pipe, a log, or whoever prefers it: one line now and then."""

    every = 5.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        begun, closing = self._clock.monotonic(), ""

        def done(words: str) -> None:
            nonlocal closing
            closing = words

        yield done
        _say(f"ready: {name} ({closing}), {duration(self._clock.monotonic() - begun)}")

    def invite(self, invitation: Invitation) -> None:
        for note in invitation.notes:
            _say(f"note: {note}")
        for label, url, remark in invitation.places:
            _say(f"{label.lower()}: {url} ({remark})" if remark else f"{label.lower()}: {url}")
        _say(f"try: {invitation.command}")

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        yield

    def update(self, figures: Figures) -> None:
        _say(line(figures))

    def conclude(self, figures: Figures) -> None:
        for sentence in summary(figures):
            _say(sentence)

    def gone(self) -> None:
        _say("Everything is stopped and removed.")


class Json:
    """For programs: one object a line, each with an `event`."""

    every = 2.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        begun, closing = self._clock.monotonic(), ""

        def done(words: str) -> None:
            nonlocal closing
            closing = words

        yield done
        seconds = round(self._clock.monotonic() - begun, 3)
        _emit(event="step", name=name, outcome=closing, seconds=seconds)

    def invite(self, invitation: Invitation) -> None:
        _emit(
            event="ready",
            **{label.lower().replace(" ", "_"): url for label, url, _ in invitation.places},
            command=invitation.command,
            notes=list(invitation.notes),
        )

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        yield

    def update(self, figures: Figures) -> None:
        _emit(event="figures", **figures.as_json())

    def conclude(self, figures: Figures) -> None:
        _emit(event="summary", **figures.as_json())

    def gone(self) -> None:
        _emit(event="gone")


def _say(text: str) -> None:
    # Flushed: a reader at the other end of a pipe wants it now.
    print(text, flush=True)


def _emit(**document: Any) -> None:
    print(orjson.dumps(document).decode(), flush=True)


__all__ = ["Json", "Lines", "Picture", "Show"]
