"""The page for people, one self-contained HTML document: served by the daemon, or written as a file by the backtest."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from monitor.clock import MINUTE, SECOND, format_time
from monitor.report import words
from monitor.report.badges import tally, worst
from monitor.report.budgets import budgets
from monitor.report.gates import gates, red_gates
from monitor.report.markup import Markup, tag
from monitor.report.panels import panel
from monitor.report.plots import LEGEND
from monitor.report.promises import promises
from monitor.report.reading import away, source
from monitor.report.received import received, rung
from monitor.report.rehearsal_page import rehearsal
from monitor.report.revalidation_page import revalidation, stamp
from monitor.report.version import Version, versions
from monitor.statistics.ladder import PAGE
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from monitor.report.snapshot import Snapshot
    from monitor.statistics.inspection import Inspection

_QUESTION: Final = "Does production agree with what cross-validation promised?"
_FASTEST: Final = 2 * SECOND
"""A page asks for a newer one at most this often, and at least once a minute."""


def page(snapshot: Snapshot, *, served: bool) -> str:
    """Return the whole document. `served`: it asks for a newer one by itself; a file stands as it is."""
    script = _asset("page.js") if served else None
    shown = versions(snapshot)
    every = min(max(snapshot.settings.evaluate_every.millis, _FASTEST), MINUTE)
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        None if served else tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("noscript", tag("meta", http_equiv="refresh", content=str(every // SECOND))) if served else None,
        tag("title", _title(snapshot, shown)),
        tag("link", rel="icon", href=_icon()),
        tag("style", Markup(_asset("page.css") + _choices(max((len(v.lengths()) for v in shown), default=0)))),
    )
    body = (
        tag("a", "Skip to the verdicts", href="#main", class_="skip"),
        _header(snapshot, served=served),
        tag("main", *_main(snapshot, shown), id="main", tabindex="-1", data_stamp=_stamp(snapshot)),
        _footer(snapshot),
        tag("script", Markup(script)) if script else None,
    )
    document = tag("html", tag("head", *head), tag("body", *body, data_every=every), lang="en")
    return f"<!DOCTYPE html>\n{document}\n"


def content_security_policy() -> str:
    """Return the Content-Security-Policy header of the served page: nothing from elsewhere, our script by its hash."""
    digest = b64encode(sha256(_asset("page.js").encode()).digest()).decode()
    return f"{_policy()}; script-src 'sha256-{digest}'; connect-src 'self'; frame-ancestors 'none'"


def _policy() -> str:
    return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def _asset(name: str) -> str:
    return files("monitor.report").joinpath("assets", name).read_text("utf-8")


def _choices(lengths: int) -> str:
    """Return the rules that show the panel of the chosen window; without `:has` every panel shows."""
    shown = ",".join(f".version:has(.w{i}:checked)>.for-{i}" for i in range(lengths))
    hidden = ".version>[class^=for-]{display:none}"
    return f"@supports selector(:has(*)){{{hidden}{shown}{{display:block}}}}" if lengths else ""


def _icon() -> str:
    # An image of its own must name its language; inside a page it need not.
    image = _asset("icon.svg").replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"data:image/svg+xml;base64,{b64encode(image.encode()).decode()}"


def _title(snapshot: Snapshot, shown: list[Version]) -> str:
    if snapshot.halted:
        return "halted · foldwatch"
    if any(alert.severity == PAGE and alert.resolved_at is None for alert in snapshot.alerts):
        return "page · foldwatch"
    top = worst(result for version in shown for result in version.verdicts())
    return f"{top.verdict.value} · foldwatch" if top and top.verdict else "foldwatch"


def _stamp(snapshot: Snapshot) -> str:
    """Return what changes when there is something new to see."""
    told = (
        str(snapshot.report.as_of if snapshot.report else None),
        snapshot.halted or "",
        snapshot.reading.trouble or "",
        snapshot.announcement.title if snapshot.announcement else "",
        stamp(snapshot),
    )
    return "|".join(told)


def _header(snapshot: Snapshot, *, served: bool) -> Markup:
    as_of = snapshot.report.as_of if snapshot.report else None
    state = tag("p", "as of ", _time(as_of), class_="as-of") if as_of is not None else None
    lost = tag("p", "No answer from foldwatch: what you see is older.", class_="lost", role="status", hidden=True)
    return tag(
        "header",
        tag("div", tag("h1", Markup(_asset("icon.svg")), "foldwatch"), tag("p", _QUESTION)),
        tag("div", state, lost if served else None),
        class_="top",
    )


def _main(snapshot: Snapshot, shown: list[Version]) -> list[Markup | None]:
    """Return the sections from the most to the least urgent."""
    notice = snapshot.announcement
    inspection = snapshot.report.inspection if snapshot.report else None
    return [
        tag("section", tag("h2", "Reading has stopped"), tag("p", snapshot.halted), class_="halted", role="alert")
        if snapshot.halted
        else None,
        away(snapshot.reading),
        tag("section", tag("h2", notice.title), tag("p", notice.text), class_="announcement", aria_live="polite")
        if notice
        else None,
        _overview(shown) if len(shown) > 1 else None,
        budgets(snapshot),
        revalidation(snapshot),
        rehearsal(snapshot),
        *([_version(one, inspection) for one in shown] if shown else [_nothing_yet(snapshot)]),
        rung(snapshot.alerts, snapshot.shadow_alerts),
        gates(inspection),
        source(snapshot.reading),
        received(snapshot.totals),
    ]


def _overview(shown: list[Version]) -> Markup:
    """Return one line a version, with a link to its section."""
    lines = [
        tag("li", tag("a", _name(version), href=f"#{_anchor(version)}"), " ", tally(version.verdicts()))
        for version in shown
    ]
    return tag("nav", tag("ul", *lines), class_="overview", aria_label="Models")


def _nothing_yet(snapshot: Snapshot) -> Markup:
    """Return what a person sees before the first evaluation, or while no prediction has come."""
    settings = snapshot.settings
    waiting = (
        f"No prediction has come that belongs to a window as of {words.moment(snapshot.report.as_of)}."
        if snapshot.report
        else f"The first evaluation is under way; there is one every {settings.evaluate_every.text}."
    )
    lines = [
        tag(
            "li",
            tag("b", model.name),
            f": {len(model.classes)} classes, windows {', '.join(w.text for w in model.windows)}, ",
            f"label horizon {model.label_horizon.text}, ",
            "folds of version " + ", ".join(sorted(model.baseline)) if model.baseline else "no folds to compare with",
        )
        for model in settings.models.values()
    ]
    return tag("section", tag("h2", "Waiting"), tag("p", waiting), tag("ul", *lines), class_="waiting box")


def _version(version: Version, inspection: Inspection | None) -> Markup:
    """Return the section of one version: verdict, folds, objectives, and a panel a window length to choose from."""
    anchor = _anchor(version)
    lengths = version.lengths()
    maturities = [m for m in Maturity if any(version.window(text, m) for text in lengths)]
    panels = [tag("div", panel(version, text, f"{anchor}-{i}"), class_=f"for-{i}") for i, text in enumerate(lengths)]
    first = version.first_length()
    return tag(
        "section",
        tag("header", tag("h2", _name(version), id=anchor), tally(version.verdicts()), class_="version-head"),
        _folds(version),
        red_gates(inspection, version.model.name),
        promises(version),
        tag(
            "div",
            _chooser(
                "Window",
                anchor,
                [(f"w{i}", text, text == first) for i, text in enumerate(lengths)],
            ),
            _chooser(
                "Labels",
                anchor,
                [(f"m-{m.value}", m.value, m is Maturity.MATURE or len(maturities) == 1) for m in reversed(maturities)],
            ),
            tag("p", LEGEND, class_="legend"),
            class_="choosers",
        ),
        *panels,
        class_="version",
        aria_labelledby=anchor,
    )


def _chooser(name: str, anchor: str, options: list[tuple[str, str, bool]]) -> Markup:
    """Return radio buttons (class, text, chosen); the style sheet shows what is chosen, without JavaScript."""
    parts = []
    for class_, text, chosen in options:
        id_ = f"{anchor}-{class_}"
        parts.append(tag("input", type="radio", name=f"{anchor}-{name}", id=id_, class_=class_, checked=chosen))
        parts.append(tag("label", text, for_=id_))
    return tag("fieldset", tag("legend", name), *parts, class_="chooser")


def _folds(version: Version) -> Markup:
    """Return what it is compared with, in one line, or what to do where there is nothing."""
    owner = f"owner {version.model.owner}" if version.model.owner else ""
    baseline = version.baseline
    if baseline is None:
        missing = f"No folds for version {version.version}: it is counted, not compared."
        how = f"foldwatch baseline build --model {version.model.name} --version {version.version} …"
        return tag(
            "p", missing, " Build them with ", tag("code", how), f" · {owner}" if owner else "", class_="folds missing"
        )
    rows = sum(fold.counts.labels for fold in baseline.folds) // baseline.repeats
    facts = [
        f"compared with {len(baseline.folds) // baseline.repeats} folds ({baseline.scheme})",
        f"{baseline.repeats} repeats" if baseline.repeats > 1 else "",
        f"{words.count(rows)} rows",
        f"baseline {baseline.content_hash[:12]}",
        owner,
    ]
    return tag("p", " · ".join(filter(None, facts)), class_="folds")


def _footer(snapshot: Snapshot) -> Markup:
    parts = (
        f"foldwatch {snapshot.build}",
        f"configuration {snapshot.settings.sha256[:12]}" if snapshot.settings.sha256 else "",
        f"since {words.moment(snapshot.started_at)}",
        "all times are UTC",
    )
    return tag("footer", tag("p", " · ".join(filter(None, parts))))


def _time(at: int) -> Markup:
    return tag("time", words.moment(at), datetime=format_time(at))


def _name(version: Version) -> str:
    return f"{version.model.name} {version.version}"


def _anchor(version: Version) -> str:
    """Return an id without blanks that stays the same from page to page."""
    return quote(f"{version.model.name}/{version.version}", safe="")
