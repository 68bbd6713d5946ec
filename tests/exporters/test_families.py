import pytest

from exporters.families import gauge, gauges


def test_a_family_carries_the_catalogues_words() -> None:
    family = gauge("calgate_jobs_pending", 3, queue="jobs")
    assert (family.name, family.type, family.documentation) == (
        "calgate_jobs_pending", "gauge", "Jobs waiting.",
    )  # fmt: skip


def test_a_label_value_outside_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="queue='mail' is none of jobs"):
        gauge("calgate_jobs_pending", 3, queue="mail")


def test_a_missing_or_extra_label_is_refused() -> None:
    with pytest.raises(ValueError, match="queue=None"):
        gauge("calgate_jobs_pending", 3)
    with pytest.raises(ValueError, match=r"has the labels \[\]"):
        gauge("calgate_workers_alive", 3, queue="jobs")


def test_open_labels_take_what_is_found() -> None:
    family = gauges("calgate_db_index_present", [({"db": "main", "relation": "Booking", "index": "x"}, 1)])
    assert family.samples[0].labels["relation"] == "Booking"


def test_the_unit_is_told_only_where_the_name_ends_with_it() -> None:
    assert gauge("calgate_freshness_oldest_pending_timestamp_seconds", 0).unit == "seconds"
    assert gauge("calgate_up", 1).unit == ""
