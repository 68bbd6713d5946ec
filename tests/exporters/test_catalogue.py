import re

from exporters.catalogue import BY_NAME, CATALOGUE, OPEN, PREFIX

MOST_SERIES = 2500


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(CATALOGUE)


def test_every_name_has_the_prefix_and_counters_alone_end_in_total() -> None:
    for metric in CATALOGUE:
        assert metric.name.startswith(PREFIX)
        assert re.fullmatch(r"[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.name.endswith("_seconds") == (metric.unit == "seconds")


def test_every_help_is_a_sentence() -> None:
    assert [m.name for m in CATALOGUE if not re.fullmatch(r"[A-Z1-9].*[.)]", m.help)] == []


def test_only_histograms_have_buckets_and_they_ascend() -> None:
    for metric in CATALOGUE:
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_latency_criterion_of_the_report_is_a_bucket_edge() -> None:
    assert {1.5, 4.0, 6.0, 8.0} <= set(BY_NAME["calgate_http_request_duration_seconds"].buckets)


def test_what_workers_count_has_no_open_labels() -> None:
    for metric in CATALOGUE:
        if OPEN in metric.labels.values():
            assert metric.source != "worker", metric.name


def test_a_narrowing_names_every_label_and_only_listed_values() -> None:
    for metric in CATALOGUE:
        for part in metric.only:
            assert list(part) == list(metric.labels), metric.name
            for label, values in part.items():
                assert set(values) <= set(metric.labels[label]), (metric.name, label)


def test_no_label_uses_a_word_that_scrapers_add_themselves() -> None:
    reserved = {"job", "instance", "cluster", "service", "env", "stage", "type", "le"}
    assert [m.name for m in CATALOGUE if reserved & set(m.labels)] == []


def test_the_series_stay_within_their_cap() -> None:
    lines = sum(len(m.series()) * (len(m.buckets) + 3 if m.buckets else 1) for m in CATALOGUE)
    assert lines <= MOST_SERIES
