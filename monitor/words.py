"""Numbers as people read them."""


def duration(seconds: float) -> str:
    """Say a length of time with at most two units: `0.4 s`, `38 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for size, unit, smaller, small_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {small_unit}" if rest else f"{whole // size} {unit}"
    raise AssertionError(whole)


def number(value: float) -> str:
    """Group thousands with a narrow space: `1 209`."""
    return f"{value:,.0f}".replace(",", "\u202f")


def percent(ratio: float) -> str:
    """Say a ratio of 0 to 1: `83 %`, `99.8 %`; only what is whole reads as 100 %."""
    value = ratio * 100
    if value == round(value) or value < 90:
        return f"{value:.0f}\u202f%"
    # Rounded down: "100 %" must not hide the one that failed.
    return f"{int(value * 10) / 10:.1f}\u202f%"


def rate(per_second: float) -> str:
    """Say a rate: `3.2 a second`, `14 a minute`."""
    if per_second >= 1:
        return f"{per_second:.1f} a second" if per_second < 100 else f"{number(per_second)} a second"
    return f"{per_second * 60:.0f} a minute"


def plural(count: int, word: str) -> str:
    """Count a thing: `1 job`, `2 jobs`."""
    return f"{number(count)} {word}" if count == 1 else f"{number(count)} {word}s"
