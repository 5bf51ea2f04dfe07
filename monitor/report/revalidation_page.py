"""Re-validation on the page: of each model what was decided last and why, what runs, and what waits for a person."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.markup import Markup, joined, tag
from monitor.report.revalidating import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.report.revalidating import Revalidating
    from monitor.report.snapshot import Snapshot

_SHORT: Final = 12
"""Letters of a hash that a person reads."""
_TWICE: Final = 2
_MOST_REASONS: Final = 6
"""Reasons that are shown at once; the others are folded away."""
_TRIGGERS: Final = {
    "budget_spent": "an error budget is spent",
    "worse_evaluations": "evaluations were WORSE in a row",
    "drift_share": "features or predictions drifted",
    "baseline_age": "the baseline is old",
    "new_labels": "enough new labels came",
    "new_version": "a version has no baseline",
    "force": "somebody asked for it (--force)",
}
_GUARDS: Final = {
    "cool_down": "the last run is too recent",
    "per_week": "there were enough runs this week",
    "quiet": "these are quiet hours",
    "labels_per_class": "a class has too few mature labels",
    "data_gates": "data gates are red",
    "open_run": "another run is open",
}
_STATES: Final = {
    "failing": ("worse", "▼", "failed"),
    "waiting": ("unknown", "■", "waits for approval"),
    "running": ("unknown", "□", "running"),
    "rejected": ("worse", "▼", "rejected"),
    "promoted": ("ok", "●", "promoted"),
    "handed over": ("unknown", "□", "handed over"),
    "held back": ("unknown", "□", "held back"),
    "calm": ("none", "", "no run yet"),
}
"""Class, shape and words of each state, the most urgent first."""
_URGENT: Final = frozenset({"failing", "waiting", "running", "rejected"})
_A_ROW: Final = 3


def revalidation(snapshot: Snapshot) -> Markup | None:
    """Return the section; None where no model is re-validated."""
    known = [snapshot.revalidation[name] for name in snapshot.settings.models if name in snapshot.revalidation]
    if not known:
        return None
    order = list(_STATES)
    known.sort(key=lambda one: order.index(state_of(one)))
    loud = [one for one in known if state_of(one) in _URGENT]
    calm = [one for one in known if one not in loud]
    rows = [tag("div", *(_card(snapshot, one) for one in some), class_="cards") for some in (loud, calm) if some]
    if len(calm) > _A_ROW:
        rows[-1] = tag("details", tag("summary", f"{len(calm)} models of which nothing is urgent"), rows[-1])
    return tag(
        "section",
        tag("h2", "Re-validation", id="revalidation"),
        *rows,
        class_="revalidation budgets",
        aria_labelledby="revalidation",
    )


def stamp(snapshot: Snapshot) -> str:
    """Return what changes when there is something new to see of it."""
    return ";".join(
        f"{name} {one.decided_at} {one.asked_at} {one.progress}" for name, one in snapshot.revalidation.items()
    )


def state_of(one: Revalidating) -> str:
    """Return the key of how a model stands."""
    if one.waits_for_approval:
        return "waiting"
    if one.run is not None and one.open_since is not None:
        return "running"
    if one.failures or one.decision == "failed":
        return "failing"
    if one.decision in {"rejected", "promoted"}:
        return one.decision
    if one.decision == "start":
        return "handed over"
    return "held back" if one.held_back_by else "calm"


def _card(snapshot: Snapshot, one: Revalidating) -> Markup:
    class_, shape, text = _STATES[state_of(one)]
    if one.failures >= _TWICE and state_of(one) == "failing":
        text = f"failed {one.failures} times in a row"
    now = max(snapshot.report.as_of if snapshot.report else snapshot.started_at, one.open_since or 0)
    mark = tag("i", shape, aria_hidden="true") if shape else None
    return tag(
        "article",
        tag("header", tag("h3", one.model), tag("span", mark, text, class_=f"badge {class_}")),
        _waiting(snapshot, one) if one.waits_for_approval else None,
        _running(one, now) if state_of(one) == "running" else None,
        tag("table", tag("tbody", *_facts(one)), aria_label=f"Re-validation of {one.model}")
        if one.asked_at or one.decided_at or one.fold_sd
        else None,
        _reasons(one),
        _next(snapshot, one),
        class_=f"card {class_}",
    )


def _waiting(snapshot: Snapshot, one: Revalidating) -> Markup:
    """Say what a person has to type."""
    since = "" if one.decided_at is None else f" since {words.moment(one.decided_at)}"
    said = f"The gate let a candidate pass. It waits for your approval{since}:"
    return tag("p", said, tag("code", _command(snapshot, "approve", one.model)), class_="type")


def _running(one: Revalidating, now: int) -> Markup:
    """Return the bar of an open run, since when it is open and how far it is."""
    since = one.open_since or 0
    spent = max(now - since, 0)
    limit = one.time_limit
    share = min(spent / limit, 1.0) if limit else 0.0
    most = f" of at most {words.length(limit)}" if limit else ""
    told = " · ".join(filter(None, (f"since {words.moment(since)}", one.progress, f"run {one.run}")))
    bar = tag("i", None, class_="bar", style=f"--share:{share:.3f}")
    return tag("p", bar, tag("b", f"open for {words.length(spent)}{most}"), tag("small", told), class_="left")


def _facts(one: Revalidating) -> Iterator[Markup]:
    """Yield what is known, a row each."""
    if one.decision is not None:
        version = "" if one.version is None else f" (version {one.version})"
        yield _fact("Last decision", f"{one.decision}{version}", words.moment(one.decided_at))
    yield _fact("Asked last", words.moment(one.asked_at) if one.asked_at is not None else "never", None)
    if one.triggered:
        yield _listed("Triggered", one.triggered, _TRIGGERS)
    if one.held_back_by:
        yield _listed("Held back", one.held_back_by, _GUARDS)
    if one.gate_passed is not None:
        yield _fact("Gate", "passed" if one.gate_passed else "not passed", "of the last candidate")
    if one.promoted_at is not None:
        hash_ = "none" if one.baseline is None else one.baseline[:_SHORT]
        yield _fact("In force", f"baseline {hash_}", f"since {words.moment(one.promoted_at)}")
    if one.failures:
        yield _fact("In a row", f"{one.failures} that did not end well", "failed, timed out or cancelled")
    ended = [f"{one.ended[word]} {word}" for word in OUTCOMES if one.ended.get(word)]
    if ended:
        yield _fact("Runs ever", ", ".join(ended), None)
    yield from _spread(one.fold_sd, one.max_fold_sd)


def _spread(fold_sd: Mapping[str, Mapping[str, float]], limit: float | None) -> Iterator[Markup]:
    """Yield for each version in force how far its folds stray, by the class that strays most."""
    for version, by_class in fold_sd.items():
        if not by_class:
            continue
        name = max(by_class, key=lambda class_: by_class[class_])
        most = by_class[name]
        over = limit is not None and most > limit
        against = "" if limit is None else f"{'more than' if over else 'within'} max_fold_sd {limit:g}"
        said = tag("b", f"{most:.3f} ({name})") if over else f"{most:.3f} ({name})"
        note = joined((f"version {version}, F1 between folds", f"; {against}" if against else None))
        yield _fact("Folds stray", said, note, over=over)


def _fact(name: str, value: str, note: str | None, *, over: bool = False) -> Markup:
    small = None if note is None else tag("small", note)
    return tag("tr", tag("th", name, scope="row"), tag("td", value, small, class_="over" if over else None))


def _listed(name: str, keys: Sequence[str], meaning: Mapping[str, str]) -> Markup:
    """Return a row of configured keys with what they mean."""
    parts = [tag("span", meaning.get(key, key), " ", tag("small", tag("code", key))) for key in keys]
    return tag("tr", tag("th", name, scope="row"), tag("td", *parts))


def _reasons(one: Revalidating) -> Markup | None:
    """Return the reasons as they were decided; many are folded away."""
    if not one.reasons:
        return None
    first, more = one.reasons[:_MOST_REASONS], one.reasons[_MOST_REASONS:]
    parts = [tag("ul", *(tag("li", reason) for reason in first), class_="notices")]
    if more:
        rest = tag("ul", *(tag("li", reason) for reason in more), class_="notices")
        parts.append(tag("details", tag("summary", f"{len(more)} more reasons"), rest))
    return tag("div", *parts)


def _next(snapshot: Snapshot, one: Revalidating) -> Markup | None:
    """Say what a person may type: how to see more, and how to go back."""
    if one.decided_at is None:
        return None
    said: list[Markup | str] = ["All of it: ", tag("code", _command(snapshot, "log"))]
    if one.decision == "promoted":
        said += [". Back to the baseline before: ", tag("code", _command(snapshot, "rollback", one.model))]
    return tag("p", *said, class_="note")


def _command(snapshot: Snapshot, verb: str, model: str | None = None) -> str:
    """Return a command as it can be typed."""
    path = snapshot.settings.path
    named = [] if model is None else ["--model", model]
    return shlex.join(["foldwatch", "revalidate", verb, "--config", str(path or "CONFIG"), *named])
