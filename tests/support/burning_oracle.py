"""Burn alerts by hand: everything is computed anew from all raw counters at every evaluation, with fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from monitor.clock import DAY, HOUR, MINUTE
from monitor.config import Duration, ModelSettings, Objective, Settings, Slo
from monitor.counts import Layout
from monitor.statistics.budget import Tally
from monitor.statistics.ladder import ladder

BEGIN = 1_767_225_600_000


def objective(name="floor", kind="occurrences", routing="page", target="0.9", **more):
    return Objective(
        name, "recall", "leave", "1d", target=Decimal(target), kind=kind, routing=routing, **{"segment": None, **more}
    )


def settings_of(*objectives, period=28 * DAY, name="churn"):
    day = Duration(DAY, "1d")
    model = ModelSettings(name, ("stay", "leave"), Layout(2), (day,), day, day, day, objectives=tuple(objectives))
    return Settings({name: model}, slo=Slo(period=Duration(period, f"{period // DAY}d")))


def held(samples, now, window, begun=None):
    """The increase of a counter over [now - window, now]: against the last sample at or before, else against begun."""
    before = [tally for at, tally in samples if at <= now - window]
    return samples_at(samples, now) - (before[-1] if before else begun or Tally())


def samples_at(samples, now):
    return next(tally for at, tally in reversed(samples) if at == now)


def rings(one, samples, now, severity, period, cadence, *, guard=True):
    """Whether any level of one severity rings at `now`."""
    if severity == "page" and (one.kind == "timeslices" or one.routing == "ticket"):
        return False
    for level in ladder(period, cadence):
        threshold = Fraction(level.factor) * (1 - Fraction(one.target))
        long, short = held(samples, now, level.long), held(samples, now, level.short)
        if level.severity == severity and all(
            w.events and Fraction(w.bad, w.events) > threshold for w in (long, short)
        ):
            least = -((-5 * threshold.denominator) // threshold.numerator)
            if not guard or long.events >= least:
                return True
    return False


def episodes(one, samples, period, cadence, *, guard=True, seen=None):
    """[(severity, at, resolved_at)]; `seen(now)` are the samples that are known at a moment."""
    found, open_ = [], {}
    for now, _ in samples:
        for severity in ("page", "ticket"):
            known = samples if seen is None else seen(now)
            ringing = rings(one, known, now, severity, period, cadence, guard=guard)
            if ringing and severity not in open_:
                open_[severity] = len(found)
                found.append([severity, now, None])
            elif not ringing and severity in open_:
                found[open_.pop(severity)][2] = now
    return [tuple(episode) for episode in found]


def course(steps, every=MINUTE, begin=BEGIN):
    """Cumulative samples of (events, bad) steps."""
    total, samples = Tally(), []
    for at, (events, bad) in enumerate(steps, 1):
        total += Tally(events, min(bad, events))
        samples.append((begin + at * every, total))
    return samples


__all__ = ["BEGIN", "DAY", "HOUR", "MINUTE", "course", "episodes", "held", "objective", "rings", "settings_of"]
