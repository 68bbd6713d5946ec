"""The demo's terminal, drawn from `Figures`: a picture of fixed height, so that nothing jumps.

Pure: equal figures and sizes give equal pictures.
"""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from calgate.demo.figures import Figures, newest
from loadtest.stats import Cached, Outcome

# Lines the figures below the calls take, the panels' edges included.
_FIGURES_HEIGHT = 9
_LEAST_CALLS = 3
_MOST_CALLS = 20
_WIDEST = 110

_ANSWERS = {
    Cached.HIT: ("hit", "bold green"),
    Cached.STALE: ("stale", "yellow"),
    Cached.COALESCED: ("shared", "cyan"),
    Cached.MISS: ("Cal.com", "white"),
    Cached.BYPASS: ("Cal.com", "white"),
    Cached.NONE: ("", "white"),
}
_BREAKERS = {"closed": "green", "half_open": "yellow", "open": "bold red"}


def picture(figures: Figures, *, width: int, height: int, event_types: dict[int, str]) -> RenderableType:
    """The whole live region, at most `height` lines tall and `width` wide. `event_types` names them by id."""
    width = min(width, _WIDEST)
    calls = min(max(height - _FIGURES_HEIGHT - 3, _LEAST_CALLS), _MOST_CALLS)
    return Group(
        _calls_panel(figures, calls, width, event_types),
        _figures_panel(figures, width),
        # The cursor rests here, so that a ^C that the terminal echoes does not break a line of the picture.
        Text(),
    )


def _calls_panel(figures: Figures, count: int, width: int, event_types: dict[int, str]) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=8, style="dim", no_wrap=True)
    table.add_column(width=12, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=3, justify="right", no_wrap=True)
    table.add_column(width=7, no_wrap=True)
    table.add_column(width=7, justify="right", no_wrap=True)
    shown = newest(figures.recent, count)
    for outcome in shown:
        table.add_row(*_call(outcome, event_types))
    for _ in range(count - len(shown)):
        table.add_row("", "", "", "", "", "")
    title = Text.assemble(("calls ", "bold"), (f"{figures.per_minute:.0f} a minute", "dim"))
    return Panel(
        table, title=title, title_align="left", width=width, border_style="bright_black", box=box.ROUNDED
    )


def _call(outcome: Outcome, event_types: dict[int, str]) -> tuple[Text, ...]:
    when = datetime.fromtimestamp(outcome.ended, UTC).astimezone().strftime("%H:%M:%S")
    word, style = _ANSWERS[outcome.cached] if outcome.status < 400 else ("", "white")
    if outcome.status in (429, 503):
        word, style = "later", "yellow"
    ok = 200 <= outcome.status < 400
    status_style = "green" if ok else ("yellow" if 400 <= outcome.status < 500 else "bold red")
    action = "alternatives" if outcome.kind == "alternatives" else _ACTIONS[outcome.action]
    return (
        Text(when),
        Text(action, style="" if outcome.is_read else "magenta"),
        Text(_about(outcome, event_types), style="" if ok else "dim"),
        Text(str(outcome.status) if outcome.status else "—", style=status_style),
        Text(word, style=style),
        Text(duration(outcome.latency), style="green" if outcome.cached is Cached.HIT else "dim"),
    )


_ACTIONS = {"slots": "availability", "create": "book", "reschedule": "reschedule", "cancel": "cancel"}


def _about(outcome: Outcome, event_types: dict[int, str]) -> str:
    if outcome.error is not None:
        return f"no answer: {outcome.error}"
    parts = urlsplit(outcome.target)
    if not outcome.is_read:
        name = event_types.get(outcome.event_type, str(outcome.event_type))
        # 2026-11-24T09:00:00.000Z
        return f"{name}  {outcome.slot[5:10]} {outcome.slot[11:16]} UTC" if outcome.slot else name
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    name = event_types.get(int(query["eventTypeId"]), query["eventTypeId"])
    if "wish" in query:
        return f"{name}  near {query['wish'][5:10]} {query['wish'][11:]}  {query['timeZone']}"
    span = (
        query["start"][5:] if query["start"] == query["end"] else f"{query['start'][5:]}…{query['end'][5:]}"
    )
    return f"{name}  {span}  {query['timeZone']}"


def _figures_panel(figures: Figures, width: int) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=9, style="bold", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    bar = max(width - 62, 16)
    for label, value in (
        ("Answers", _answers(figures, bar)),
        ("Calls", _calls(figures)),
        ("Budget", _budget(figures, bar)),
        ("Truth", _truth(figures)),
        ("Bookings", _bookings(figures)),
        ("Time", _time(figures)),
        ("Health", _health(figures)),
    ):
        table.add_row(label, value)
    subtitle = Text(figures.trouble or "Ctrl-C stops everything and leaves nothing behind", style="dim")
    return Panel(
        table,
        subtitle=subtitle,
        subtitle_align="right",
        title=Text(f"after {clock_time(figures.seconds)}", style="bold"),
        title_align="left",
        width=width,
        border_style="bright_black",
        box=box.ROUNDED,
    )


def _answers(figures: Figures, bar: int) -> Text:
    parts = (
        ("hit", figures.hits, "green"),
        ("stale", figures.stale, "yellow"),
        ("shared", figures.coalesced, "cyan"),
        ("from Cal.com", figures.misses, "bright_black"),
    )
    text = stacked([(count, style) for _, count, style in parts], bar)
    for word, count, style in parts:
        if count or word != "stale":
            text.append(f"  {count}", style=f"bold {style}" if style != "bright_black" else "bold")
            text.append(f" {word}", style="dim")
    return text


def _calls(figures: Figures) -> Text:
    saved = figures.saved
    text = Text.assemble(
        (f"{figures.upstream.calls}", "bold"),
        (" to Cal.com for ", "dim"),
        (f"{figures.answered}", "bold"),
        (" answers", "dim"),
    )
    if saved is not None:
        text.append("   one where others make ", style="dim")
        text.append(f"{saved:.1f}", style="bold green" if saved >= 1 else "bold yellow")
    return text


def _budget(figures: Figures, bar: int) -> Text:
    store = figures.store
    share = store.used / store.limit if store.limit else 0.0
    style = "green" if share < 0.7 else ("yellow" if share < 0.95 else "red")
    text = stacked([(store.used, style), (max(store.limit - store.used, 0), "bright_black")], bar)
    text.append(f"  {store.used}", style=f"bold {style}")
    text.append(f" of {store.limit} calls   ", style="dim")
    if store.blocked:
        text.append("blocked by Cal.com", style="bold red")
    else:
        text.append(
            f"{figures.upstream.refused}", style="bold green" if not figures.upstream.refused else "bold red"
        )
        text.append(" refused by Cal.com (429)", style="dim")
    return text


def _truth(figures: Figures) -> Text:
    truth = figures.truth
    if not truth.checked:
        return Text("no answer held against the calendar yet", style="dim")
    return Text.assemble(
        (f"{truth.stale}", "bold green" if not truth.stale else "bold red"),
        (" stale of ", "dim"),
        (f"{truth.checked}", "bold"),
        (" answers held against the calendar", "dim"),
    )


def _bookings(figures: Figures) -> Text:
    return _list(
        (figures.created, "made", "bold magenta"),
        (figures.rescheduled, "moved", "bold magenta"),
        (figures.cancelled, "cancelled", "bold magenta"),
        (figures.conflicts, "turned down by Cal.com", "bold yellow" if figures.conflicts else "bold"),
    )


def _time(figures: Figures) -> Text:
    text = Text()
    for value, word in (
        (figures.hit_median, "a hit"),
        (figures.median, "median"),
        (figures.p95, "95 of 100 within"),
    ):
        if value is None:
            continue
        if text:
            text.append(" · ", style="dim")
        if word == "95 of 100 within":
            text.append(f"{word} ", style="dim")
            text.append(duration(value), style="bold")
        else:
            text.append(duration(value), style="bold green" if word == "a hit" else "bold")
            text.append(f" {word}", style="dim")
    return text or Text("no answer yet", style="dim")


def _health(figures: Figures) -> Text:
    text = Text("breakers ", style="dim")
    states = {state for _, state in figures.store.breakers}
    if states <= {"closed"}:
        text.append("closed", style="green")
    else:
        text.append(
            ", ".join(
                f"{name} {state.replace('_', ' ')}"
                for name, state in figures.store.breakers
                if state != "closed"
            ),
            style=_BREAKERS["open" if "open" in states else "half_open"],
        )
    text.append(" · ", style="dim")
    text.append(f"{figures.store.jobs_pending}", style="bold")
    text.append(" job waiting" if figures.store.jobs_pending == 1 else " jobs waiting", style="dim")
    if figures.store.jobs_dead:
        text.append(f", {figures.store.jobs_dead} dead", style="bold red")
    text.append(" · ", style="dim")
    text.append(f"{figures.refused}", style="bold" if not figures.refused else "bold yellow")
    text.append(" asked to come back later", style="dim")
    if figures.failed:
        text.append(" · ", style="dim")
        text.append(f"{figures.failed} failed", style="bold red")
    return text


def _list(*parts: tuple[int, str, str]) -> Text:
    text = Text()
    for count, word, style in parts:
        if text:
            text.append(" · ", style="dim")
        text.append(f"{count}", style=style)
        text.append(f" {word}", style="dim")
    return text


def stacked(parts: list[tuple[int, str]], width: int) -> Text:
    """A bar of exactly `width` cells, shared out by size; whatever is not nothing gets at least one cell."""
    total = sum(count for count, _ in parts)
    text = Text()
    if not total:
        return text.append("━" * width, style="bright_black")
    cells = [max(int(count * width / total), 1) if count else 0 for count, _ in parts]
    largest = max(range(len(parts)), key=lambda index: cells[index])
    cells[largest] += width - sum(cells)
    for (_, style), share in zip(parts, cells, strict=True):
        text.append("━" * share, style=style)
    return text


def duration(seconds: float) -> str:
    """Three figures at most: 0.4 ms, 12 ms, 640 ms, 3.2 s."""
    if seconds < 0.001:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def clock_time(seconds: float) -> str:
    """0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
