"""Drift with the real Evidently: what it finds, what it does not, what it says, and that it sends nothing."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from monitor.baselines.feature_summary import encoded, summarised
from monitor.counts.layout import score_bins
from monitor.errors import InputError
from monitor.revalidate.desk import Sampled
from monitor.revalidate.drift.drift import look_for_drift

N = 1_500


def rows_of(rng, n, *, shift=0.0, gold=0.3, absent=0.0, eu_shift=0.0):
    """Rows of two numbers, one plan and one count, of two classes and two regions."""
    region = rng.random(n) < 0.5
    age = rng.normal(40 + shift + eu_shift * region, 10, n)
    plan = np.where(rng.random(n) < gold, "gold", "free")
    leave = rng.random(n) < 0.4
    return [
        {
            "age": None if rng.random() < absent else float(age[row]),
            "amount": float(rng.lognormal()),
            "plan": str(plan[row]),
            "(class)": "leave" if leave[row] else "stay",
            "(segment) region": "eu" if region[row] else "us",
        }
        for row in range(n)
    ]


def reference(rng, n=N):
    rows = rows_of(rng, n)
    columns = {name: np.array([row[name] for row in rows], object) for name in ("age", "amount", "plan")}
    predicted = np.array([row["(class)"] == "leave" for row in rows]).astype(int)
    region = np.array([row["(segment) region"] for row in rows], object)
    return encoded(summarised(columns, "hash", predicted, ("stay", "leave"), {"region": region}))


def scores(rng, n, a):
    return tuple(np.bincount(score_bins(rng.beta(a, 5, n)), minlength=512).tolist())


def sampled(rng, **change):
    known = {
        "reference": reference(rng),
        "rows": rows_of(rng, N),
        "predicted": {"stay": 6_000, "leave": 4_000},
        "promised": {"stay": 900, "leave": 600},
        "scores": scores(rng, N, 2),
        "promised_scores": scores(rng, N, 2),
    }
    return Sampled("churn", "3", **known | change)


def drifted(found):
    return {name for name, column in found.drift.columns.items() if column["drifted"]}


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def test_where_nothing_changed_nothing_drifted(rng):
    found = look_for_drift(sampled(rng))
    assert list(found.drift.columns) == ["age", "amount", "plan", "(predictions)", "(scores)"]
    assert (found.drift.share, found.drift.notes) == (0.0, ())
    assert not any("classes" in column or "segments" in column for column in found.drift.columns.values())


def test_each_way_of_drifting_is_found_in_its_column_alone(rng):
    for change, column in (
        ({"rows": rows_of(rng, N, shift=4)}, "age"),
        ({"rows": rows_of(rng, N, gold=0.6)}, "plan"),
        ({"rows": rows_of(rng, N, absent=0.2)}, "age"),
        ({"predicted": {"stay": 600, "leave": 900}}, "(predictions)"),
        ({"scores": scores(rng, N, 3)}, "(scores)"),
    ):
        found = look_for_drift(sampled(rng, **change))
        assert drifted(found) == {column}, change.keys()
        assert found.drift.share == pytest.approx(0.2)
    assert "value" not in found.drift.columns["age"]["method"]


def test_what_is_certain_but_small_is_no_drift(rng):
    """A tenth of what counts as far: significant among a million predictions, and of no matter."""
    found = look_for_drift(
        sampled(rng, predicted={"stay": 610_000, "leave": 390_000}, promised={"stay": 600_000, "leave": 400_000})
    )
    assert found.drift.columns["(predictions)"]["p"] < 1e-6
    assert drifted(found) == set()


def test_a_part_that_drifts_is_named(rng):
    found = look_for_drift(sampled(rng, rows=rows_of(rng, N, eu_shift=8)))
    assert set(found.drift.columns["age"]["segments"]) == {"region=eu"}
    assert set(found.drift.columns["age"]["classes"]) == {"stay", "leave"}


def test_what_cannot_be_judged_is_said(rng):
    few = look_for_drift(sampled(rng, rows=[{**row, "new": 1} for row in rows_of(rng, 60)], predicted={"stay": 60}))
    assert list(few.drift.columns) == ["(scores)"]
    assert few.drift.notes == (
        "not judged, without a reference: new",
        "not judged, fewer than 100 values now or in the reference: age, amount, plan, (predictions)",
    )
    alone = look_for_drift(sampled(rng, reference=None, scores=()))
    assert list(alone.drift.columns) == ["(predictions)"]
    assert "FILE.features.json" in alone.drift.notes[0]
    damaged = look_for_drift(sampled(rng, reference=b"{}"))
    assert "cannot be read" in damaged.drift.notes[0]
    nothing = look_for_drift(Sampled("churn", "3", reference(rng)))
    assert (nothing.drift.share, nothing.drift.columns, nothing.html) == (0.0, {}, None)
    assert look_for_drift(Sampled("churn", "3", None)) is None


def test_no_value_of_a_feature_is_in_what_is_said(rng):
    rows = [{**row, "plan": "platinum-secret"} for row in rows_of(rng, N, shift=5)]
    found = look_for_drift(sampled(rng, rows=rows))
    assert {"age", "plan"} <= drifted(found)
    said = json.dumps([found.drift.columns, found.drift.notes, found.drift.sha256])
    assert "platinum" not in said
    assert "gold" not in said


def test_the_report_needs_nothing_from_elsewhere_and_nothing_is_sent(rng, monkeypatch, tmp_path):
    def refused(*_):
        message = "somebody wants to reach the network"
        raise AssertionError(message)

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = look_for_drift(sampled(rng, rows=rows_of(rng, N, shift=4)))
    page = found.html.decode()
    assert found.drift.sha256 == hashlib.sha256(found.html).hexdigest()
    assert not re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=", page)
    assert 1e6 < len(page) < 6e6
    for column in ("age", "amount", "plan", "(predictions)", "(scores)"):
        assert column in page
    assert not list(tmp_path.iterdir())
    assert "iterative_telemetry" not in sys.modules


def test_without_evidently_the_remedy_is_told_and_with_it_nobody_else_imports_it(rng, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "evidently"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(InputError, match=r"pip install 'foldwatch\[drift\]'"):
        look_for_drift(sampled(rng))
    loads = "monitor.revalidate.drift.drift, monitor.revalidate.evidence.sampling"
    code = f"import sys, {loads}; sys.exit('evidently' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
