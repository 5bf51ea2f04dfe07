"""A daemon that runs, scraped over HTTP: names from the start, text that promtool accepts, as many series as told."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import fabricated as made
import pytest
from alert_stack import until
from certificates import certify
from cryptography import x509
from scraped_daemon import lines_of, running, samples, scrape, value

from monitor.clock import HOUR, MINUTE, ManualClock
from monitor.config import Duration, Input, Objective, Security, ServerSettings, SourceSettings
from monitor.prometheus.catalog import CATALOG

VERDICTS, BANDS, OUTCOMES, STATES = 3, 7, 5, 4


def settings_of(*models, **security):
    source = SourceSettings(
        predictions=Input(topic="predictions"), labels=Input(topic="labels"), security=Security(**security)
    )
    quiet = {"server": ServerSettings(("127.0.0.1", 0)), "evaluate_every": Duration(HOUR, "1h")}
    return made.settings(*models, source=source, **quiet)


def occurrences(model, n=2):
    """Give a model n objectives with a target."""
    promised = [
        Objective(f"o{i}", "recall", "leave", "24h", target=Decimal("0.9"), kind="occurrences") for i in range(n)
    ]
    return replace(model, objectives=tuple(promised))


def test_every_name_is_there_with_its_type_before_anything_was_read(promtool):
    with running(settings_of(occurrences(made.model())), ManualClock(made.START)) as (daemon, _, _):
        text = scrape(daemon)
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert types == {metric.name: metric.kind for metric in CATALOG}
    slo = {s.name: s.value for s in samples(text) if s.name.startswith("foldwatch_slo_") and s.labels["slo"] == "o1"}
    counters = ("foldwatch_slo_events_total", "foldwatch_slo_bad_events_total", "foldwatch_slo_skipped_total")
    assert {name: slo[name] for name in counters} == dict.fromkeys(counters, 0.0)


def fed(source, n=60):
    """Feed n labelled predictions of each model, made in the hour before now."""
    predictions, labels = [], []
    for model in ("churn", "other"):
        for i in range(n):
            of = {"prediction_id": f"{model}{i}", "model": model}
            y_pred, y_true = ("stay", "leave")[i % 3 == 0], ("stay", "leave")[i % 2]
            predictions.append(of | {"version": "3", "predicted_at": made.START - i * MINUTE, "y_pred": y_pred})
            labels.append(of | {"labelled_at": made.START, "y_true": y_true})
    source.feed(predictions=lines_of(predictions), labels=lines_of(labels))


def test_how_many_series_there_are_follows_from_the_configuration(promtool):
    models = [occurrences(made.model(name, windows=("1h",), horizon="0s"), n=2) for name in ("churn", "other")]
    settings = settings_of(*models)
    with running(settings, ManualClock(made.START)) as (daemon, source, seconds):
        until(lambda: value(scrape(daemon), "foldwatch_last_evaluation_timestamp_seconds"), "the first evaluation")
        fed(source)

        def evaluated():
            seconds.now += HOUR
            return value(scrape(daemon), "foldwatch_slo_bad_events_total") == 20.0

        until(evaluated, "an evaluation of everything")
        text = scrape(daemon)
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    count = Counter(sample.name for sample in samples(text))
    series = len(models) * 3 * 2
    assert count["foldwatch_class_quality_ratio"] == series
    assert count["foldwatch_slo_state"] == len(models) * 2 * STATES
    assert count["foldwatch_slo_events_total"] == len(models) * 2
    assert count["foldwatch_labels_total"] == len(models) * OUTCOMES
    assert sum(count.values()) < (series + len(models)) * (BANDS + VERDICTS) + 120
    bad = {(s.labels["model"], s.value) for s in samples(text) if s.name == "foldwatch_slo_bad_events_total"}
    assert bad == {("churn", 20.0), ("other", 20.0)}


@pytest.mark.usefixtures("promtool")
def test_a_renewed_certificate_shows_within_half_a_minute_though_the_next_evaluation_is_far(openssl, tmp_path):
    name = "foldwatch_tls_expiry_timestamp_seconds"
    first, second = certify(openssl, tmp_path / "first"), certify(openssl, tmp_path / "second")
    current = tmp_path / "client.pem"
    current.write_bytes(first.client.read_bytes())
    settings = settings_of(made.model(), cert_file=current, ca_file=first.ca, key_file=first.client_key)
    with running(settings, ManualClock(made.START)) as (daemon, _, seconds):
        until(lambda: value(scrape(daemon), "foldwatch_last_evaluation_timestamp_seconds"), "the first evaluation")
        told = value(scrape(daemon), name)
        assert told == min(expiry(first.client), expiry(first.ca))
        current.write_bytes(b"")
        current.unlink()
        current.symlink_to(second.foreign_ca)
        seconds.now += 31
        until(lambda: value(scrape(daemon), name) == min(expiry(second.foreign_ca), expiry(first.ca)), "the new expiry")


def expiry(path):
    (found, *_) = x509.load_pem_x509_certificates(path.read_bytes())
    return found.not_valid_after_utc.timestamp()
