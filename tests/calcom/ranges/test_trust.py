"""When sharing is on, doubted and off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.ranges import trust
from calcom.ranges.trust import Proof

T = 1_800_000_000.0


def proven(now: float = T) -> Proof:
    proof = Proof()
    for at in range(trust.NEEDED):
        proof = trust.agreed(proof, "f", "look", now - (trust.NEEDED - 1 - at) * trust.GAP)
    return proof


def test_nothing_is_shared_before_enough_comparisons_agreed() -> None:
    proof = Proof()
    for at in range(trust.NEEDED):
        now = T + at * trust.GAP
        assert not trust.may_share(proof, "f", now)
        assert trust.wants_comparison(proof, "f", now)
        proof = trust.agreed(proof, "f", "look", now)
    assert trust.may_share(proof, "f", now)
    assert not trust.wants_comparison(proof, "f", now)


def test_comparisons_in_quick_succession_count_once() -> None:
    proof = Proof()
    for at in range(100):
        proof = trust.agreed(proof, "f", "look", T + at / 10)
    assert proof.agreed == 1
    assert not trust.wants_comparison(proof, "f", T + 10)


def test_settling_doubts_is_no_short_cut_to_a_proof() -> None:
    proof = Proof()
    for at in range(trust.NEEDED):
        proof = trust.differed(proof, "f", "odd", T + 4 * at)
        proof = trust.agreed(proof, "f", "odd", T + 4 * at + 3)
    assert proof.agreed == 1


def test_one_difference_stops_sharing_until_the_same_look_agrees_later() -> None:
    doubted = trust.differed(proven(), "f", "odd", T + 60)
    assert not trust.may_share(doubted, "f", T + 60)
    assert not trust.wants_comparison(doubted, "f", T + 60)
    assert trust.agreed(doubted, "f", "odd", T + 61) == doubted
    later = T + 60 + trust.REPEAT_AFTER
    assert trust.wants_comparison(doubted, "f", later)
    assert trust.agreed(doubted, "f", "other", later) == doubted
    assert trust.may_share(trust.agreed(doubted, "f", "odd", later), "f", later)


@pytest.mark.parametrize("look", ["odd", "other"])
def test_a_difference_that_repeats_turns_sharing_off_for_a_day(look: str) -> None:
    doubted = trust.differed(proven(), "f", "odd", T + 60)
    assert trust.differed(doubted, "f", look, T + 62) == doubted
    off = trust.differed(doubted, "f", look, T + 63)
    for after in (63.0, 4_000.0, trust.OFF_LASTS):
        assert not trust.may_share(off, "f", T + after)
        assert not trust.wants_comparison(off, "f", T + after)
        assert trust.agreed(off, "f", look, T + after) == off
    begins_anew = T + 63 + trust.OFF_LASTS
    assert trust.wants_comparison(off, "f", begins_anew)
    assert trust.agreed(off, "f", look, begins_anew) == Proof("f", 1, checked=begins_anew)


def test_a_type_that_was_not_proven_yet_is_turned_off_alike() -> None:
    doubted = trust.differed(Proof(), "f", "odd", T)
    assert trust.differed(doubted, "f", "odd", T + 3).off == T + 3


def test_a_doubt_that_nobody_settles_becomes_ignorance() -> None:
    doubted = trust.differed(proven(), "f", "odd", T)
    assert trust.standing(doubted, "f", T + trust.DOUBT_LASTS) == Proof("f")
    assert trust.standing(doubted, "f", T + trust.DOUBT_LASTS - 1) == doubted


def test_other_settings_begin_anew() -> None:
    off = trust.differed(trust.differed(proven(), "f", "odd", T), "f", "odd", T + 3)
    for proof in (proven(), off):
        assert not trust.may_share(proof, "g", T + 3)
        assert trust.wants_comparison(proof, "g", T + 3)
        assert trust.standing(proof, "g", T + 3) == Proof("g")


def test_a_proof_is_checked_again_by_time_and_by_use() -> None:
    proof = proven()
    assert trust.wants_comparison(proof, "f", T + trust.RECHECK)
    assert trust.may_share(proof, "f", T + trust.RECHECK)
    assert trust.wants_comparison(proof, "f", T + trust.GAP, shared=trust.RECHECK_SHARED)
    assert not trust.wants_comparison(proof, "f", T + trust.GAP - 1, shared=trust.RECHECK_SHARED)
    assert not trust.may_share(proof, "f", T + trust.PROOF_LASTS)


def test_whoever_sets_out_spares_the_others() -> None:
    for proof, wait in (
        (Proof("f"), trust.GAP),
        (trust.differed(proven(), "f", "odd", T), trust.REPEAT_AFTER),
    ):
        begun = trust.set_out(proof, "f", T + 10)
        assert not trust.wants_comparison(begun, "f", T + 10)
        assert trust.wants_comparison(begun, "f", T + 10 + wait)


def borrowing(zone: str, now: float = T) -> Proof:
    """A proof whose last agreement was of a look in this zone."""
    return trust.agreed(proven(now - trust.GAP), "f", "look", now, borrows=zone)


def test_a_zone_borrows_once_one_of_its_looks_agreed_and_no_other_with_it() -> None:
    proof = proven()
    assert trust.wants_comparison(proof, "f", T + trust.GAP, borrows="Europe/Berlin")
    assert not trust.wants_comparison(proof, "f", T + trust.GAP - 1, borrows="Europe/Berlin")
    assert trust.may_borrow(proof, "f", T, "Europe/Berlin")
    assert not trust.has_agreed(proof, "f", T, "Europe/Berlin")
    proof = borrowing("Europe/Berlin")
    assert trust.has_agreed(proof, "f", T, "Europe/Berlin")
    assert not trust.wants_comparison(proof, "f", T + trust.GAP, borrows="Europe/Berlin")
    assert not trust.has_agreed(proof, "f", T, "")
    assert trust.wants_comparison(proof, "f", T + trust.GAP, borrows="")
    assert not trust.has_agreed(proof, "g", T, "Europe/Berlin"), "under other settings nothing is known"


def test_a_look_of_any_zone_counts_for_the_type_and_each_zone_counts_at_once() -> None:
    proof = Proof()
    for at in range(trust.NEEDED):
        proof = trust.agreed(proof, "f", "look", T + at * trust.GAP, borrows=f"zone {at}")
        proof = trust.agreed(proof, "f", "look", T + at * trust.GAP + 1, borrows=f"other {at}")
    assert trust.may_share(proof, "f", T + trust.NEEDED * trust.GAP)
    assert len(proof.zones) == 2 * trust.NEEDED


def test_a_zone_that_differs_twice_is_set_apart_and_the_rest_begins_anew() -> None:
    doubted = trust.differed(borrowing("Europe/Berlin"), "f", "odd", T, borrows="Asia/Tokyo")
    assert not trust.may_share(doubted, "f", T)
    assert trust.differed(doubted, "f", "odd", T + 2, borrows="Asia/Tokyo") == doubted
    apart = trust.differed(doubted, "f", "odd", T + 3, borrows="Asia/Tokyo")
    assert apart.apart == ("Asia/Tokyo",)
    assert (apart.off, apart.agreed, apart.zones, apart.doubt) == (0, 0, (), "")
    assert not trust.may_borrow(apart, "f", T + 3, "Asia/Tokyo")
    assert trust.may_borrow(apart, "f", T + 3, "Europe/Berlin")
    again = trust.agreed(apart, "f", "look", T + 60, borrows="Europe/Berlin")
    assert not trust.may_borrow(again, "f", T + 60, "Asia/Tokyo")


@pytest.mark.parametrize("outcome", ["agreed", "differed"])
def test_what_comes_late_of_a_zone_that_was_set_apart_changes_nothing(outcome: str) -> None:
    apart = Proof("f", agreed=2, checked=T, zones=("Europe/Berlin",), apart=("Asia/Tokyo",))
    assert getattr(trust, outcome)(apart, "f", "odd", T + 60, borrows="Asia/Tokyo") == apart


def test_a_look_in_its_own_windows_turns_the_type_off_whatever_was_set_apart() -> None:
    apart = trust.differed(
        trust.differed(proven(), "f", "odd", T, borrows="Asia/Tokyo"), "f", "odd", T + 3, borrows="Asia/Tokyo"
    )
    off = trust.differed(trust.differed(apart, "f", "own", T + 60), "f", "own", T + 63)
    assert off.off == T + 63


def test_zones_are_remembered_up_to_a_number_and_further_ones_have_windows_of_their_own() -> None:
    proof = proven()
    for at in range(trust.MOST_ZONES):
        assert trust.may_borrow(proof, "f", T, f"zone {at}")
        proof = trust.agreed(proof, "f", "look", T, borrows=f"zone {at}")
    assert not trust.may_borrow(proof, "f", T, "one more")
    assert trust.agreed(proof, "f", "look", T, borrows="one more").zones == proof.zones
    assert trust.may_borrow(proof, "f", T, "zone 0")


EMPTY = '{"status":"success","data":{}}'


def test_looks_with_nothing_left_are_shared_once_enough_of_them_read_alike_in_a_row() -> None:
    proof = proven()
    for at in range(trust.NEEDED_EMPTY):
        assert trust.empty_of(proof, "f", T) == ""
        assert trust.wants_comparison(proof, "f", T + trust.GAP, is_empty=True)
        proof = trust.agreed(proof, "f", f"look {at}", T, empty=EMPTY)
    assert trust.empty_of(proof, "f", T) == EMPTY
    assert not trust.wants_comparison(proof, "f", T + trust.GAP, is_empty=True)
    worded = trust.agreed(proof, "f", "look", T, empty="another")
    assert trust.empty_of(worded, "f", T) == ""
    assert trust.empty_of(proof, "g", T) == "", "under other settings nothing is known"


def test_looks_with_nothing_left_prove_neither_a_type_nor_a_zone() -> None:
    proof = Proof()
    for at in range(2 * trust.NEEDED):
        proof = trust.agreed(proof, "f", "look", T + at * trust.GAP, borrows="Europe/Berlin", empty=EMPTY)
    assert not trust.may_share(proof, "f", T)
    assert not trust.has_agreed(proof, "f", T, "Europe/Berlin")


def test_a_doubted_look_with_nothing_left_settles_its_doubt() -> None:
    doubted = trust.differed(proven(), "f", "odd", T)
    assert trust.may_share(trust.agreed(doubted, "f", "odd", T + 3, empty=EMPTY), "f", T + 3)


def test_an_endless_empty_answer_is_not_remembered() -> None:
    proof = proven()
    assert trust.agreed(proof, "f", "look", T, empty="x" * (trust.LONGEST_EMPTY + 1)) == proof


Step = tuple[str, str, float]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("agreed", "differed")),
            st.sampled_from(("a", "b")),
            st.sampled_from((0.5, 1.0, 3.0, 30.0, 200.0)),
        ),
        max_size=30,
    )
)
def test_sharing_needs_spaced_agreements_and_ends_with_a_repeated_difference(steps: list[Step]) -> None:
    proof, now = Proof(), T
    counted, last, first_difference, is_off = 0, -1e9, None, False
    for outcome, look, pause in steps:
        now += pause
        proof = getattr(trust, outcome)(proof, "f", look, now)
        if outcome == "agreed":
            first_difference = None
            if now - last >= trust.GAP:
                counted, last = counted + 1, now
        elif first_difference is None:
            first_difference = now
        elif trust.REPEAT_AFTER <= now - first_difference < trust.DOUBT_LASTS:
            is_off = True
        shares = trust.may_share(proof, "f", now)
        assert not (shares and (is_off or outcome == "differed"))
        assert not shares or counted >= trust.NEEDED
