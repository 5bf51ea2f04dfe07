"""A real daemon in this process, fed by hand and scraped over HTTP."""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import contextmanager

from alert_stack import until
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from monitor.clock import HOUR, MINUTE
from monitor.daemon import Daemon
from monitor.sources.memory import Memory

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Seconds:
    """A clock of the loop that a test pushes on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@contextmanager
def running(settings, clock, baselines=None, *, monotonic=None, state=None):
    """Run a daemon in a thread; yield it, its source and its clock. It ends with the block."""
    source, seconds = Memory(settings, clock), monotonic or Seconds()
    daemon, stop = Daemon(settings, source, clock, baselines or {}, monotonic=seconds, state=state), threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    try:
        yield daemon, source, seconds
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def scrape(daemon, accept="*/*"):
    """Return the text of /metrics."""
    request = urllib.request.Request(f"{daemon.server.url}metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def samples(text):
    """Return every sample of a text in either format."""
    families = parse_openmetrics(text) if text.endswith("# EOF\n") else parse(text)
    return [sample for family in families for sample in family.samples]


def value(text, name):
    """Return the value of the first series of a name, None where there is none."""
    found = [sample.value for sample in samples(text) if sample.name == name]
    return found[0] if found else None


def lines_of(events):
    """Return JSON Lines."""
    return "\n".join(map(json.dumps, events)).encode()


def history(model, version, classes, end, *, hours=8, each_minute=1, regions=()):
    """Return predictions with labels and scores of the hours before `end`: of each class, right more often than not."""
    predictions, labels = [], []
    for minute in range(hours * 60):
        for i in range(each_minute):
            number = minute * each_minute + i
            y_true = classes[number % len(classes)]
            y_pred = y_true if number % 7 else classes[(number + 1) % len(classes)]
            rest = 0.3 / (len(classes) - 1)
            of = {"prediction_id": f"{version}-{number}", "model": model}
            one = of | {
                "version": version,
                "predicted_at": end - (minute + 1) * MINUTE,
                "y_pred": y_pred,
                "scores": {name: 0.7 if name == y_pred else rest for name in classes},
                "latency_ms": 12,
            }
            if regions:
                one["segment"] = {"region": regions[number // len(classes) % len(regions)]}
            predictions.append(one)
            labels.append(of | {"labelled_at": one["predicted_at"] + 1_000, "y_true": y_true})
    return predictions, labels


def evaluated(daemon, source, seconds, histories):
    """Feed histories, have everything evaluated, and return the text of a scrape."""
    until(lambda: value(scrape(daemon), "foldwatch_last_evaluation_timestamp_seconds"), "the first evaluation")
    for predictions, labels in histories:
        source.feed(predictions=lines_of(predictions), labels=lines_of(labels))
    wanted = sum(len(predictions) for predictions, _ in histories)

    def everything():
        seconds.now += HOUR / 1_000
        text = scrape(daemon)
        seen = sum(sample.value for sample in samples(text) if sample.name == "foldwatch_predictions_total")
        return seen == wanted

    until(everything, "an evaluation of everything")
    return scrape(daemon)
