"""The JSON faces have the contract's shapes, byte for byte the same, and hold no more than one window at a time."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from io import BytesIO

import fabricated as made
import numpy as np
import pytest

from monitor.report.json import BacktestWriter, encoded, events_entry, report_document, window_entry
from monitor.statistics.report import Maturity, MetricResult, Report, Totals

METRIC_KEYS = (
    "metric class value lower upper level method n deff undefined baseline baseline_lower baseline_upper baseline_raw "
    "difference difference_lower difference_upper margin verdict reason labels_needed"
)
EVENT_KEYS = (
    "predictions matched waiting expired duplicate label_first labels applied corrected retracted repeated "
    "orphan labels_waiting dead_letters skipped"
)


@pytest.fixture
def window():
    return made.window(made.churn(), "3", "24h", made.START, Maturity.MATURE, [[40, 3], [7, 20]], unlabelled=5)


def backtest(windows, alerts=(), totals=made.TOTALS):
    out = BytesIO()
    with BacktestWriter(out, config_sha256="abc") as writer:
        for one in windows:
            writer.add(one)
        snapshot = replace(made.empty_snapshot(), report=Report(made.START, totals=totals), alerts=alerts)
        writer.finish(snapshot, start=made.START, end=made.START + 86_400_000)
    return out.getvalue()


def test_a_window_has_the_keys_of_the_contract_in_its_order(window):
    entry = json.loads(encoded(window_entry(window)))
    assert " ".join(entry) == (
        "model version segment window start end as_of maturity predictions labels confusion metrics"
    )
    assert " ".join(entry["metrics"][0]) == METRIC_KEYS
    assert entry["confusion"] == {"classes": ["stay", "leave"], "counts": [[40, 3], [7, 20]]}
    assert (entry["start"], entry["end"], entry["as_of"]) == (
        "2025-12-31T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-03T00:00:00Z",
    )
    assert (entry["predictions"], entry["labels"], entry["maturity"], entry["segment"]) == (75, 70, "mature", None)


def test_every_number_of_a_metric_reads_back_to_the_same_double(window):
    entry = json.loads(encoded(window_entry(window)))
    for written, result in zip(entry["metrics"], window.metrics, strict=True):
        assert written["class"] == result.class_
        for key in METRIC_KEYS.split():
            if key not in ("class", "verdict"):
                assert written[key] == getattr(result, key)


def test_numbers_of_numpy_are_written_as_numbers(window):
    odd = MetricResult("recall", "leave", np.float64(0.1), None, None, 0.95, "none", np.int64(3), 1.0, None)
    entry = json.loads(encoded(window_entry(replace(window, metrics=(odd,)))))
    assert (entry["metrics"][0]["value"], entry["metrics"][0]["n"]) == (0.1, 3)


def test_what_no_report_holds_is_refused():
    with pytest.raises(TypeError, match="a report holds no object"):
        encoded({"x": object()})


def test_the_events_have_the_keys_of_the_contract_and_reasons_in_alphabetical_order():
    entry = events_entry(replace(Totals(), dead_letters={"b": 2, "a": 1, "c": 0}, skipped={}))
    assert " ".join(entry) == EVENT_KEYS
    assert list(entry["dead_letters"].items()) == [("a", 1), ("b", 2)]


def test_before_the_first_evaluation_the_report_is_empty():
    document = report_document(None)
    assert (document["schema"], document["as_of"], document["windows"]) == ("foldwatch/report/1", None, [])
    assert document["events"]["predictions"] == 0


def test_the_report_document_names_its_moment_and_holds_every_window():
    report = made.churn_snapshot(days=4).report
    document = json.loads(encoded(report_document(report)))
    assert list(document) == ["schema", "as_of", "windows", "events", "gates"]
    assert document["gates"] == []
    assert document["as_of"].endswith("Z")
    assert len(document["windows"]) == len(report.windows)


def test_a_backtest_document_has_the_contract_order_although_the_period_is_known_last(window):
    document = json.loads(backtest([window] * 3, [made.alert(), made.alert(resolved_at=made.START + 1)]))
    assert list(document) == [
        "schema", "foldwatch", "config_sha256", "period", "windows", "alerts", "shadow_alerts", "objectives",
        "events",
    ]  # fmt: skip
    assert document["period"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    assert len(document["windows"]) == 3
    assert " ".join(document["alerts"][0]) == (
        "alert severity slo source model version segment metric class at resolved_at reason"
    )
    assert [alert["resolved_at"] for alert in document["alerts"]] == [None, "2026-01-01T00:00:00.001Z"]


def test_a_backtest_without_windows_is_a_document_too():
    document = json.loads(backtest([]))
    assert (document["windows"], document["alerts"]) == ([], [])


def test_the_same_windows_give_the_same_bytes_and_one_line_each(window):
    first, second = backtest([window] * 4, [made.alert()]), backtest([window] * 4, [made.alert()])
    assert first == second
    assert first.count(b'\n{"model"') == 4


def test_windows_are_not_held_in_memory(window):
    out = BytesIO()
    tracemalloc.start()
    with BacktestWriter(out, config_sha256="") as writer:
        for _ in range(4_000):
            writer.add(window)
        # Nothing is written before the period is known, and what waits for it does so on disk.
        assert out.getvalue() == b""
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
        tracemalloc.stop()
        writer.finish(made.empty_snapshot(), start=0, end=1)
    assert out.tell() > 20 * 2**20
    assert len(json.loads(out.getvalue())["windows"]) == 4_000
