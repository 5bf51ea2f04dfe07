"""Error budgets on the page: what was promised, what is left, how fast it burns, what rings and whom it reaches."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import budgeted
import fabricated as made
import pytest

from monitor.clock import DAY, HOUR, MINUTE
from monitor.report import words
from monitor.report.budgets import left_in_words
from monitor.report.page import page
from monitor.statistics.budget import BudgetState, Tally

FULL = budgeted.budgets_snapshot(days=2)


def text_of(html):
    text = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", html))
    return unescape(re.sub(r"\s+", " ", text)).replace("\N{NO-BREAK SPACE}", " ")


def cards(snapshot):
    """Return objective -> (class of its card, text of its card), in the order of the page."""
    section = re.search(r'<section class="budgets".*?</section>', page(snapshot, served=True), re.DOTALL)[0]
    found = re.findall(r'<article class="card (\w+)">(.*?)</article>', section, re.DOTALL)
    return {re.search("<h4>(.*?)</h4>", card)[1]: (class_, text_of(card)) for class_, card in found}


def one_card(objective, **more):
    of = made.model(objectives=(objective,))
    snapshot = replace(
        made.empty_snapshot(of=of, evaluated=True), objectives=[budgeted.standing(of, objective, **more)]
    )
    return cards(snapshot)[objective.name][1]


def test_who_is_paged_for_stands_first_then_the_most_serious_and_unknown_is_neither_green_nor_red():
    shown = [(name, class_) for name, (class_, _) in cards(FULL).items()]
    assert shown == [
        ("leave-floor", "worse"),
        ("leave-precision", "worse"),
        ("stay-recall", "worse"),
        ("leave-recall", "unknown"),
        ("weekly", "ok"),
        (budgeted.LONG_NAME, "ok"),
    ]
    assert "insufficient labels" in cards(FULL)["leave-recall"][1]
    assert "churn 1 exhausted, 2 burning, 1 insufficient labels, 2 ok" in text_of(page(FULL, served=True))


def test_a_card_says_what_is_left_and_of_how_many_it_is_made():
    shown = {name: text for name, (_, text) in cards(FULL).items()}
    assert "5.3 % of the budget left 2,740 of 48,211 labelled predictions bad in 28d" in shown["leave-floor"]
    assert "budget spent 3.00 times 410 of 9,120 labelled predictions bad in 28d" in shown["leave-precision"]
    assert "100 % of the budget left 0 of 38,880 evaluations bad in 28d · 1,440 skipped (UNKNOWN)" in shown["weekly"]
    assert "nothing counted yet 0 of 0 evaluations bad in 28d · 12,000 skipped (UNKNOWN)" in shown["leave-recall"]


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, "nothing counted yet"),
        (1.0, "100 % of the budget left"),
        (0.0034, "0.34 % of the budget left"),
        (0.0, "budget spent"),
        (-1.5, "budget spent 2.50 times"),
    ],
)
def test_what_is_left_in_words(left, said):
    assert left_in_words(left).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("metric", "class_", "said"),
    [
        ("recall", "leave", "Of the predictions that are truly leave at least 95 % say so (each"),
        ("precision", "leave", "Of the predictions that say leave at least 95 % are right (each"),
        ("specificity", "leave", "that are truly something else at least 95 % do not say leave (each"),
        ("accuracy", None, "Of all predictions at least 95 % are right (each"),
    ],
)
def test_the_promise_of_occurrences_is_a_sentence(metric, class_, said):
    assert said in one_card(budgeted.promised("x", metric=metric, class_=class_))


def test_the_promise_of_timeslices_names_window_margin_and_segment():
    objective = budgeted.promised("x", "timeslices", "0.9995", segment="region=eu", margin=0.05)
    said = (
        "In 99.95 % of the evaluations recall of leave over 24h, region=eu is not WORSE than the folds' promise by more"
    )
    assert f"{said} than 0.05" in one_card(objective)


def test_each_level_shows_both_windows_its_threshold_and_how_many_events_it_takes():
    text = cards(FULL)["leave-floor"][1]
    assert "page 14.10 above the threshold 1h 16.20 above the threshold 5m 13.44 81 % bad, at least 7 labels" in text
    assert "page 2.40 6h 15.90 above the threshold 30m 5.6 34 % bad, at least 15 labels" in text
    unknown = f"ticket {words.DASH} 1d {words.DASH} 2h 2.8 14 % bad, at least 36 evaluations"
    assert unknown in cards(FULL)["leave-recall"][1]


def test_labels_that_come_less_often_than_a_short_window_are_a_warning_with_the_consequence():
    text = cards(FULL)["leave-floor"][1]
    assert "come about every 1h, less often than the short windows of 5m and 30m: such a level rings only just" in text
    slow = one_card(budgeted.promised("x"), event_cadence=10 * MINUTE)
    assert "less often than the short window of 5m: such a level" in slow
    assert "Labels that count come about every 5m." in one_card(budgeted.promised("x"), event_cadence=5 * MINUTE)
    assert "Evaluations that count come about" in one_card(budgeted.promised("x", "timeslices"), event_cadence=DAY)
    assert "come about every" not in one_card(budgeted.promised("x"))


def test_what_fires_says_how_loud_since_when_and_why_the_page_first():
    text = cards(FULL)["leave-floor"][1]
    assert "page since 2026-01-02 22:30Z (1h 30m) : 23.4 % of 312" in text.replace("): ", ") : ")
    assert text.index("page since") < text.index("ticket since")


def test_the_shadow_counts_would_have_paged_and_says_that_it_reaches_nobody():
    text = cards(FULL)["stay-recall"][1]
    assert "would page since 2026-01-02 23:40Z (20m)" in text
    assert "In the shadow: would have paged 3 times in the last 28d; it reaches nobody." in text
    shadow = budgeted.promised("x", routing="shadow")
    assert "would have paged once in the last" in one_card(shadow, shadow_pages=1)
    assert "would not have paged in the last" in one_card(shadow)


def test_an_objective_without_pages_says_why():
    assert "Tickets alone (timeslices never page)." in cards(FULL)["weekly"][1]
    assert "Tickets alone (routing: ticket)." in cards(FULL)["leave-precision"][1]
    assert "Tickets alone" not in cards(FULL)["leave-floor"][1]


def test_before_the_first_evaluation_the_budgets_stand_there_as_insufficient():
    of = made.model(objectives=(budgeted.promised("floor"),))
    (shown,) = cards(made.empty_snapshot(of=of)).values()
    assert shown[0] == "unknown"
    assert "nothing counted yet" in shown[1]


def test_without_a_target_there_is_no_budget():
    bare = made.model(objectives=(made.Objective("bare", "accuracy", None, "24h"),))
    assert 'class="budgets"' not in page(made.empty_snapshot(of=bare), served=True)


def test_the_list_of_episodes_marks_pages_and_what_the_shadow_kept_to_itself():
    html = page(FULL, served=True)
    rows = re.findall(r"<tr>(.*?)</tr>", html[html.index('id="alerts"') :], re.DOTALL)[1:7]
    told = [(text_of(re.search("<th[^>]*>(.*?)</th>", row)[1]), "badge page" in row, "shadow<" in row) for row in rows]
    assert told == [
        ("stay-recall", True, True),
        ("leave-precision", False, False),
        ("leave-floor", True, False),
        ("leave-floor", False, False),
        ("stay-recall", True, True),
        ("leave-precision", False, False),
    ]


def test_a_page_that_fires_stands_in_the_title_one_in_the_shadow_does_not():
    assert "<title>page · foldwatch</title>" in page(FULL, served=True)
    unheard = replace(FULL, alerts=())
    assert "<title>page" not in page(unheard, served=True)
    over = replace(FULL, alerts=[replace(alert, resolved_at=alert.at + HOUR) for alert in FULL.alerts])
    assert "<title>page" not in page(over, served=True)


def test_names_from_outside_stay_text():
    evil = "<script>alert(1)</script>"
    objective = budgeted.promised(evil, class_=evil)
    of = made.model(evil, (evil, "b"), objectives=(objective,))
    at = made.START
    snapshot = replace(
        made.empty_snapshot(of=of, evaluated=True),
        objectives=[budgeted.standing(of, objective, BudgetState.BURNING, Tally(10, 5), 20.0)],
        alerts=[budgeted.rung(objective, at=at, reason=evil, model_name=evil)],
    )
    html = page(snapshot, served=True)
    assert html.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize(("quiet", "folded"), [(3, False), (4, True)])
def test_many_budgets_that_give_no_alarm_are_folded_away_and_what_burns_stays_in_sight(quiet, folded):
    objectives = [budgeted.promised(f"promise-{n}") for n in range(quiet + 1)]
    of = made.model(objectives=tuple(objectives))
    stands = [budgeted.standing(of, objectives[0], state=BudgetState.BURNING)]
    stands += [budgeted.standing(of, one) for one in objectives[1:]]
    html = page(replace(made.empty_snapshot(of=of, evaluated=True), objectives=stands), served=True)
    section = re.search(r'<section class="budgets".*?</section>', html, re.DOTALL)[0]
    in_sight = re.findall("<h4>(.*?)</h4>", section.partition("<details>")[0])
    assert in_sight == [one.name for one in (objectives[:1] if folded else objectives)]
    assert ("The budgets that give no alarm: 4 ok" in section) == folded
