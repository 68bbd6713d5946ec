from monitor.sparkline import HEIGHT, WIDTH, bars, sparkline


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_the_newest_value_is_at_the_right_edge_however_few_there_are() -> None:
    (line,) = sparkline([1.0, 2.0], slots=60).lines
    assert points(line)[-1] == (WIDTH - 3, 3)
    assert points(line)[0][0] > WIDTH * 0.9


def test_the_lower_edge_is_zero_so_a_steady_line_is_flat_at_the_top() -> None:
    (line,) = sparkline([5.0, 5.0, 5.0], slots=3).lines
    assert {y for _, y in points(line)} == {3.0}


def test_nothing_happening_is_a_line_along_the_bottom() -> None:
    (line,) = sparkline([0.0, 0.0], slots=2).lines
    assert {y for _, y in points(line)} == {HEIGHT - 3.0}


def test_an_unknown_value_is_a_gap_not_a_zero() -> None:
    drawn = sparkline([0.5, None, 0.5], slots=3, top=1.0)
    assert len(drawn.lines) == len(drawn.areas) == 2


def test_only_the_last_values_are_shown_and_none_leaves_the_box() -> None:
    drawn = sparkline([99.0, *[0.5] * 10], slots=10, top=0.4)
    (line,) = drawn.lines
    assert len(points(line)) == 10
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(line))


def test_no_values_draw_nothing() -> None:
    assert sparkline([], slots=60).lines == ()
    assert sparkline([None, None], slots=60).lines == ()


def test_bars_show_even_the_rarest_count() -> None:
    placed = bars([1000, 1, 0])
    assert [h > 0 for *_, h in placed] == [True, True, False]
    assert bars([]) == ()
    assert [h for *_, h in bars([0, 0])] == [0, 0]
