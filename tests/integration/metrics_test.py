"""Our metrics, read by Prometheus' own client library."""

import subprocess
import sys

import tap

tap.need("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

PAGE = subprocess.run([sys.argv[1]], check=True, capture_output=True, timeout=120).stdout.decode()
FAMILIES = {family.name: family for family in text_string_to_metric_families(PAGE)}
ODD = {"method": "GET", "path": 'a\\b"c\nd \u00e9 {},='}
OBSERVED = [3**i / 1e6 for i in range(17)]


def every_name_is_described_once():
    assert sorted(FAMILIES) == [
        "shop_labelled_seconds", "shop_many", "shop_queue", "shop_requests", "shop_seconds"]
    for family in FAMILIES.values():
        assert PAGE.count(f"# TYPE {family.name} ") + PAGE.count(f"# TYPE {family.name}_total ") == 1
    kinds = {name: family.type for name, family in FAMILIES.items()}
    assert kinds["shop_requests"] == "counter" and kinds["shop_queue"] == "gauge"
    assert kinds["shop_seconds"] == kinds["shop_labelled_seconds"] == "histogram"
    assert FAMILIES["shop_requests"].documentation == "Requests,\nby \\ path."


def labels_and_values_come_back_as_they_were():
    (sample,) = FAMILIES["shop_requests"].samples
    assert sample.labels == ODD
    assert " 9007199254740993\n" in PAGE
    (sample,) = FAMILIES["shop_queue"].samples
    assert sample.value == -3 and sample.labels == {}


def series_past_the_bound_are_counted_together():
    samples = FAMILIES["shop_many"].samples
    assert len(samples) == 1001
    assert sum(sample.value for sample in samples) == 1200
    (overflow,) = [sample for sample in samples if "overflow" in sample.labels]
    assert overflow.value == 200


def histograms_are_cumulative_and_true():
    for name, labels in ("shop_seconds", {}), ("shop_labelled_seconds", ODD):
        samples = FAMILIES[name].samples
        buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
        assert len(buckets) == 16 and buckets[-1].labels["le"] == "+Inf"
        for sample in buckets:
            bound = float(sample.labels["le"])
            assert sample.value == sum(seconds <= bound for seconds in OBSERVED)
            assert {k: v for k, v in sample.labels.items() if k != "le"} == labels
        by_name = {sample.name: sample.value for sample in samples}
        assert by_name[name + "_count"] == len(OBSERVED)
        assert abs(by_name[name + "_sum"] - sum(OBSERVED)) < 1e-6


tap.run([
    every_name_is_described_once,
    labels_and_values_come_back_as_they_were,
    series_past_the_bound_are_counted_together,
    histograms_are_cumulative_and_true,
])
