"""Re-validation on the page: what was decided and why, what runs, and what a person has to type."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import fabricated as made
import pytest

from monitor.clock import DAY, HOUR, MINUTE
from monitor.report.page import page
from monitor.report.revalidating import Revalidating
from monitor.report.revalidation_page import revalidation, stamp, state_of

BASE = made.churn_snapshot(days=3)
NOW = BASE.report.as_of
HASH = "5be1" + "c" * 60
RUNNING = Revalidating(
    "churn", asked_at=NOW - HOUR, decided_at=NOW - 25 * MINUTE, decision="start", version="3",
    triggered=("budget_spent", "worse_evaluations"), reasons=("the budget of leave-recall is spent by 0.93",),
    run="9f3ac1d2e4b5a607", open_since=NOW - 25 * MINUTE, time_limit=HOUR, progress="3 of 5 folds fitted",
)  # fmt: skip
WAITING = replace(RUNNING, waits_for_approval=True, progress="", gate_passed=True, decided_at=NOW - 2 * HOUR)
FAILED = Revalidating(
    "churn", asked_at=NOW - HOUR, decided_at=NOW - DAY, decision="failed", version="3", triggered=("baseline_age",),
    held_back_by=("cool_down", "data_gates"), reasons=("the estimator raised in fold 3: <b>bad</b>",), failures=3,
    ended={"failed": 2, "timed out": 1},
)  # fmt: skip
PROMOTED = Revalidating(
    "churn", asked_at=NOW - HOUR, decided_at=NOW - DAY, decision="promoted", version="3", triggered=("new_labels",),
    reasons=("nothing is worse",), gate_passed=True, promoted_at=NOW - DAY, baseline=HASH, max_fold_sd=0.05,
    fold_sd={"3": {"stay": 0.012, "leave": 0.071}}, ended={"promoted": 4, "rejected": 1},
)  # fmt: skip
REJECTED = replace(PROMOTED, decision="rejected", gate_passed=False, reasons=tuple(f"reason {i}" for i in range(8)))


def showing(*of, path="/etc/foldwatch/my models.yml"):
    models = {one.model: BASE.settings.models.get(one.model) or made.model(one.model) for one in of}
    settings = replace(BASE.settings, models=models, path=Path(path))
    return replace(BASE, settings=settings, revalidation={one.model: one for one in of})


def html_of(*of, **more):
    return str(revalidation(showing(*of, **more)))


def text_of(*of, **more):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html_of(*of, **more))))


def test_no_model_that_is_re_validated_has_no_section():
    assert revalidation(BASE) is None
    assert 'id="revalidation"' not in page(BASE, served=True)


def test_the_last_decision_is_told_with_its_reasons_and_what_triggered_it():
    said = text_of(RUNNING)
    assert "start (version 3)" in said
    assert "an error budget is spent budget_spent" in said
    assert "evaluations were WORSE in a row worse_evaluations" in said
    assert "the budget of leave-recall is spent by 0.93" in said


def test_an_open_run_is_told_with_since_when_and_how_far_it_is():
    said = text_of(RUNNING)
    assert "open for 25m of at most 1h" in said
    assert "3 of 5 folds fitted" in said
    assert "run 9f3ac1d2e4b5a607" in said
    assert "--share:0.417" in html_of(RUNNING)


def test_what_waits_for_approval_says_exactly_what_to_type():
    said = text_of(WAITING)
    assert "waits for approval" in said
    assert "foldwatch revalidate approve --config '/etc/foldwatch/my models.yml' --model churn" in said
    assert "open for" not in said


def test_failures_in_a_row_and_what_holds_back_are_told():
    said = text_of(FAILED)
    assert "failed 3 times in a row" in said
    assert "2 failed, 1 timed out" in said
    assert "the last run is too recent cool_down" in said
    assert "data gates are red data_gates" in said
    assert "<b>bad</b>" in said
    assert "<b>bad" not in html_of(FAILED)


def test_a_promotion_says_what_is_in_force_since_when_and_how_to_go_back():
    said = text_of(PROMOTED)
    assert f"baseline {HASH[:12]} since" in said
    assert "Gate passed" in said
    assert "foldwatch revalidate rollback --config '/etc/foldwatch/my models.yml' --model churn" in said


def test_folds_that_stray_too_much_are_told_with_the_class_that_strays_most():
    said = text_of(PROMOTED)
    assert "0.071 (leave) version 3, F1 between folds; more than max_fold_sd 0.05" in said
    assert "within max_fold_sd 0.08" in text_of(replace(PROMOTED, max_fold_sd=0.08))


def test_a_rejection_names_its_reasons_and_folds_the_rest_away():
    said = text_of(REJECTED)
    assert "Gate not passed" in said
    assert all(f"reason {i}" in said for i in range(8))
    assert "2 more reasons" in said


def test_a_model_that_was_never_asked_says_so_in_one_line():
    said = text_of(Revalidating("churn"))
    assert "no run yet" in said
    assert "Last decision" not in said


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (RUNNING, "running"),
        (WAITING, "waiting"),
        (FAILED, "failing"),
        (PROMOTED, "promoted"),
        (REJECTED, "rejected"),
        (Revalidating("churn", decision="start"), "handed over"),
        (Revalidating("churn", held_back_by=("quiet",)), "held back"),
        (Revalidating("churn"), "calm"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_a_model_stands_has_one_word(one, state):
    assert state_of(one) == state


def test_the_most_urgent_model_stands_first_and_many_calm_ones_are_folded_away():
    calm = [replace(PROMOTED, model=f"calm{i}") for i in range(4)]
    shown = html_of(*calm, replace(RUNNING, model="busy"), replace(FAILED, model="broken"))
    order = re.findall(r"<h3>(\w+)</h3>", shown)
    assert order == ["broken", "busy", "calm0", "calm1", "calm2", "calm3"]
    assert "4 models of which nothing is urgent" in shown


def test_the_page_asks_for_a_newer_one_when_something_is_decided_or_a_run_goes_on():
    assert stamp(showing(RUNNING)) != stamp(showing(replace(RUNNING, progress="4 of 5 folds fitted")))
    assert stamp(showing(RUNNING)) != stamp(showing(replace(RUNNING, decided_at=NOW)))


def test_names_from_outside_are_text_and_never_markup():
    evil = replace(PROMOTED, model="churn<script>", fold_sd={"<i>": {"<u>": 0.1}}, triggered=("<s>",))
    shown = html_of(evil)
    assert not re.search(r"<(script|i>|u>|s>)", shown.replace('<i aria-hidden="true">', "").replace("<i class=", ""))


def test_in_chromium_nothing_is_wider_than_a_phone(chromium, tmp_path):
    of = [RUNNING, *(replace(one, model=f"m{i}") for i, one in enumerate((WAITING, FAILED, PROMOTED, REJECTED)))]
    document = page(showing(*of, path=f"/etc/{'long/' * 30}models.yml"), served=False)
    document = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", document)
    script = "<script>document.title=[document.documentElement.scrollWidth,innerWidth].join('/')</script></body>"
    file = tmp_path / "page.html"
    file.write_text(document.replace("</body>", script), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--window-size=390,844", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    wide, window = re.search(r"<title>(\d+)/(\d+)</title>", done.stdout).groups()
    assert int(wide) <= int(window)
