"""What a job looks like in the stream."""

import pytest

from proxy.jobs.job import Job, fields_of_member


def entry(job_fields: list[str]) -> dict[bytes, bytes]:
    pairs = zip(job_fields[::2], job_fields[1::2], strict=True)
    return {key.encode(): value.encode() for key, value in pairs}


def test_a_fresh_entry_is_its_own_origin_and_first_try() -> None:
    job = Job.from_entry(b"1700000000123-4", {b"kind": b"clean", b"gen": b"7", b"at": b"1700000000100"})
    assert (job.origin, job.attempt, job.enqueued_ms) == ("1700000000123-4", 1, 1700000000100)
    assert job.integer("gen") == 7


def test_a_job_keeps_origin_age_and_tries_through_the_delayed_set() -> None:
    job = Job.from_entry(b"1700000000123-4", {b"kind": b"clean", b"gen": b"7"})
    again = Job.from_entry(b"1800000000000-0", entry(fields_of_member(job.to_member())))
    assert again.id == "1800000000000-0"
    assert (again.origin, again.enqueued_ms, again.attempt) == (job.origin, 1700000000123, 2)
    assert again.fields == job.fields


def test_deliveries_that_ended_in_a_crash_count_as_tries() -> None:
    assert Job.from_entry(b"1-1", {b"kind": b"x", b"tries": b"1"}, deliveries=2).attempt == 3


def test_rubbish_still_makes_a_job_that_can_be_given_up() -> None:
    job = Job.from_entry(b"5-0", {b"\xff": b"\xfe", b"at": b"soon", b"tries": b"-1"})
    assert (job.kind, job.attempt, job.enqueued_ms) == ("", 1, 5)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5"])
def test_a_field_that_is_no_number_is_named(value: str) -> None:
    with pytest.raises(ValueError, match="job clean: gen has to be a whole number"):
        Job("1-0", "1-0", "clean", 1, 0, {"gen": value}).integer("gen")
