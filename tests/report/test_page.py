"""The page: everything of a snapshot for people, in one document that needs nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import budgeted
import fabricated as made
import numpy as np
import pytest

from monitor.report.page import content_security_policy, page
from monitor.report.snapshot import Announcement, Reading
from monitor.statistics.report import Maturity

CHURN = made.churn_snapshot(days=15)
DIGITS = made.digits_snapshot(hours=6)


class Outline(HTMLParser):
    """Collects ids and links, and finds elements that are closed wrongly."""

    void = frozenset({"meta", "link", "input", "br"})

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.wrong = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [value for key, value in attrs if key in ("href", "src", "action", "for")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", html)))


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize(
    "snapshot",
    [
        CHURN,
        DIGITS,
        made.many_snapshot(),
        made.empty_snapshot(),
        made.empty_snapshot(evaluated=True),
        made.without_labels(),
        budgeted.budgets_snapshot(days=2),
    ],
    ids=["two classes", "ten classes", "forty classes", "not evaluated", "no predictions", "no labels", "budgets"],
)
def test_every_page_is_well_formed_self_contained_and_its_links_lead_somewhere(snapshot, served):
    html = page(snapshot, served=served)
    outline = Outline(html)
    assert (outline.wrong, outline.open) == ([], [])
    assert len(outline.ids) == len(set(outline.ids))
    for link in outline.links:
        assert link.startswith(("#", "data:image/svg+xml;base64,")) or link in outline.ids
        assert not link.startswith("#") or link[1:] in outline.ids
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html.replace("// Asks", ""))
    assert ("<script>" in html) is served
    assert "None" not in text_of(html)
    assert page(snapshot, served=served) == html


def test_at_a_glance_there_are_verdicts_reasons_bands_promises_labels_and_totals():
    told = text_of(page(CHURN, served=False))
    for part in (
        "churn 3", "leave-recall", "WORSE", "worse than promised, margin", "first WORSE at", "immature", "matched",
        "after the first bad window", "of about", "compared with 5 folds (stratified)", "owner team-growth", "40,120",
        "predictions labelled", "Mature: every label", "Provisional: labels may still come", "target 95", "region=eu",
        "0.012 expected if calibrated; p = 0.31", "Dead letters", "unknown class", "labels waiting",
    ):  # fmt: skip
        assert part in told, part


def test_names_from_outside_are_text_and_never_markup():
    evil = "<script>alert(1)</script>"
    of = made.model(evil, (evil, "b"), segments={"x": None}, objectives=())
    seen = [
        made.window(of, evil, "24h", made.START, Maturity.MATURE, [[3, 1], [1, 4]], segment=segment)
        for segment in (None, f"x={evil}")
    ]
    html = page(made.snapshot(seen, of, announcement=Announcement(evil, evil), halted=evil), served=True)
    assert html.count("<script>") == 1
    assert "alert(1)" in html


def test_alerts_halts_and_announcements_are_told():
    urgent = replace(
        CHURN, alerts=[made.alert(), made.alert(made.START)] * 30, halted="too many bad events; mend the feed",
        announcement=Announcement("Phase 2", "the mix shifts"),
    )  # fmt: skip
    html = page(urgent, served=True)
    told = text_of(html)
    for part in (
        "Reading has stopped",
        "mend the feed",
        "Phase 2",
        "recall of leave is 0.650",
        "still",
        "10 older ones",
    ):
        assert part in told
    assert "<title>halted" in html


def test_how_the_source_is_read_is_told_in_words():
    reading = Reading(
        last_read_at=made.START + 3_000,
        lag={"scored/0": 1_200, "scored/1": 34, "truth/0": 0},
        resets={"scored": 1, "truth": 2},
        notices=[(made.START, "topic <scored> was made again"), (made.START + 60_000, "a new partition")],
    )
    text = text_of(page(replace(CHURN, reading=reading), served=True))
    assert "Events were last read 2026-01-01 00:00:03Z" in text
    assert "1,234 messages wait to be read (scored 1,234, truth 0)" in text
    assert "1 partition of scored began anew" in text
    assert "2 partitions of truth began anew" in text
    assert "messages may be missing from the counts" in text
    assert text.index("a new partition") < text.index("topic &lt;scored&gt; was made again")
    done = text_of(page(replace(CHURN, reading=Reading(last_read_at=made.START, lag={"scored/0": 0})), served=True))
    assert "no message waits to be read" in done
    assert "began anew" not in done
    assert "Source" not in text_of(page(CHURN, served=True))


def test_while_nothing_is_read_the_page_says_why_and_that_it_goes_on_by_itself():
    away = replace(CHURN, reading=Reading(trouble="no broker at kafka:9092; is it up?"))
    html = page(away, served=True)
    assert "Nothing is being read no broker at kafka:9092; is it up? foldwatch keeps trying" in text_of(html)
    stamps = {re.search(r'data-stamp="([^"]*)"', page(one, served=True))[1] for one in (CHURN, away)}
    assert len(stamps) == 2


def test_before_the_first_evaluation_the_page_says_what_it_waits_for():
    told = text_of(page(made.empty_snapshot(), served=True))
    assert "The first evaluation is under way; there is one every 60s." in told
    assert "churn : 2 classes, windows 24h, 7d, label horizon 2d, no folds to compare with" in told
    assert "No prediction has come" in text_of(page(made.empty_snapshot(evaluated=True), served=True))


def test_a_version_without_folds_or_labels_says_what_to_do():
    told = text_of(page(made.without_labels(), served=True))
    assert "No folds for version 4: it is counted, not compared." in told
    assert "foldwatch baseline build --model churn --version 4" in told
    assert "No labels yet" in told
    assert "no window of 7d for region=eu yet" in told


def test_many_classes_get_a_dozen_cards_the_rest_a_list_and_the_matrix_its_most_frequent_confusions():
    html = page(made.many_snapshot(), served=False)
    told = text_of(html)
    assert html.count("<article") == 13
    assert "28 more classes" in told
    assert "Most frequent confusions" in told
    assert "queue-39" in told


def test_a_matrix_without_errors_says_so():
    of = made.model("m", [f"c{i}" for i in range(20)])
    seen = [made.window(of, "1", "24h", made.START, Maturity.MATURE, np.eye(20, dtype=int) * 9)]
    assert "every labelled prediction is right" in text_of(page(made.snapshot(seen, of), served=False))


def test_large_counts_stay_short_in_the_matrix():
    of = made.churn()
    seen = [made.window(of, "3", "24h", made.START, Maturity.MATURE, [[12_300_000, 45_600], [7, 9_999]])]
    cells = re.findall(r"<td class=\"(?:hit|miss)\"[^>]*>([^<]*)<", page(made.snapshot(seen, of), served=False))
    assert cells == ["12.3M", "46k", "7", "9999"]


def test_several_versions_get_an_overview():
    of = made.churn()
    seen = [made.window(of, v, "24h", made.START, Maturity.MATURE, [[90, 3], [4, 80]]) for v in ("3", "4")]
    html = page(made.snapshot(seen, of), served=True)
    assert '<nav class="overview" aria-label="Models">' in html
    assert re.findall(r'<li><a href="#([^"]+)">', html)[:2] == ["churn%2F3", "churn%2F4"]


def test_the_policy_allows_our_script_and_nothing_from_elsewhere():
    policy = content_security_policy()
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "http" not in policy


MEASURE = """<script>
for (const one of document.querySelectorAll("details")) one.open = true;
const wide = [];
for (const maturity of ["mature", "provisional"]) {
  for (const one of document.querySelectorAll(".m-" + maturity)) one.checked = true;
  wide.push(document.documentElement.scrollWidth - innerWidth);
  for (const one of document.querySelectorAll("main *"))
    if (one.getClientRects().length && !one.closest("svg, .unseen, .stack thead, .chooser input"))
      if (one.getBoundingClientRect().right > innerWidth + 1) wide.push(one.outerHTML.slice(0, 80));
  const shown = (selector) => [...document.querySelectorAll(selector)].some((one) => one.getClientRects().length);
  wide.push(shown(".if-" + maturity), shown(maturity == "mature" ? ".if-provisional" : ".if-mature"));
  wide.push([...document.querySelectorAll(".version > [class^=for-]")].filter((o) => o.getClientRects().length).length);
}
parent.told[name] = wide;
</script>"""
FOLLOW = """<script>
let tick;
window.setInterval = (refresh) => { tick = refresh; };
window.fetch = async () => new Response(parent.NEWER);
addEventListener("load", async () => {
  const details = document.querySelector("article details");
  const radio = document.querySelector(".m-provisional");
  details.open = true;
  radio.checked = true;
  radio.focus();
  const before = document.querySelector("main").dataset.stamp;
  await tick();
  const after = document.querySelector("main").dataset.stamp;
  parent.told[name] = [
    before === after,
    document.getElementById(details.id) !== details && document.getElementById(details.id).open,
    document.getElementById(radio.id).checked,
    document.activeElement.id === radio.id,
    document.querySelector(".as-of").textContent,
  ];
});
</script>"""
FRAMES = """<!DOCTYPE html><title></title><body><script>
window.told = {};
window.NEWER = PAGES.newer;
for (const [name, width, html] of PAGES.frames) {
  const frame = document.createElement("iframe");
  Object.assign(frame, { name, srcdoc: html });
  Object.assign(frame.style, { width: width + "px", height: "800px", border: 0 });
  document.body.append(frame);
}
setInterval(() => { document.title = JSON.stringify(told); }, 50);
</script>"""


def test_in_chromium_nothing_is_wider_than_the_window_and_a_refresh_keeps_what_a_person_chose(chromium, tmp_path):
    # The window of a headless browser has a least width of its own; a frame has any.
    pages = {"churn": CHURN, "digits": DIGITS, "many": made.many_snapshot(), "budgets": budgeted.budgets_snapshot()}
    frames = [
        (f"{name} {width}", width, page(snapshot, served=True).replace("</body>", f"{MEASURE}</body>"))
        for name, snapshot in pages.items()
        for width in (390, 1280)
    ]
    frames.append(("follow", 800, page(CHURN, served=True).replace("<head>", f"<head>{FOLLOW}")))
    newer = page(made.churn_snapshot(days=16), served=True)
    scripted = json.dumps({"frames": frames, "newer": newer}).replace("</", "<\\/")
    (tmp_path / "frames.html").write_text(FRAMES.replace("<script>", f"<script>const PAGES = {scripted};", 1))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"]
    flags += ["--virtual-time-budget=4000", f"--user-data-dir={tmp_path / 'user'}", (tmp_path / "frames.html").as_uri()]
    dumped = subprocess.run([chromium, *flags], capture_output=True, text=True, timeout=60, check=True).stdout
    title = re.search("<title>(.*?)</title>", dumped)
    assert title, dumped[-500:]
    told = json.loads(unescape(title[1]))
    assert told.pop("follow") == [False, True, True, True, "as of 2026-01-17 00:00Z"]
    # Of each maturity: no pixel too wide, its own parts shown, the other's not, one panel at a time.
    assert told == {name: [0, True, False, 1] * 2 for name, _, _ in frames[:-1]}
