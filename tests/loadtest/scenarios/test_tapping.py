"""Of what Redis is asked during a write, what was asked for that write."""

from loadtest.scenarios.tapping import Tapped, counted

WRITE, OTHER = "a" * 32, "b" * 32
BEGIN = f"EVALSHA 11 3 writes told near {WRITE} 10000 begin 7:101,?,T7"
END = f"EVALSHA 22 9 generation bumps jobs stamps overlays told story doubt writes {WRITE} 10000 0"
FORGET = f"EVALSHA 44 4 map:version map:changing map map:story {WRITE} 180000"
LOOKUP = "EVALSHA 33 10 generation bumps jobs stamps overlays told story doubt writes entry 10000 60000 *"


def test_a_write_is_announced_once_and_ended_once() -> None:
    assert counted([LOOKUP, BEGIN, "GET booking", LOOKUP, END], "generation") == Tapped(1, 1, 5)


def test_a_write_that_took_two_round_trips_to_end_shows() -> None:
    assert counted([BEGIN, END, END], "generation").bumps == 2


def test_what_is_asked_for_another_write_is_not_its_own() -> None:
    assert counted([BEGIN, END, END.replace(WRITE, OTHER)], "generation") == Tapped(1, 1, 3)


def test_what_a_write_of_settings_does_to_the_map_empties_no_cache() -> None:
    assert counted([BEGIN, FORGET, END, FORGET], "generation") == Tapped(1, 1, 4)


def test_a_write_that_nobody_announced_has_ended_nothing() -> None:
    assert counted([LOOKUP, END], "generation") == Tapped(0, 0, 2)
