"""Error budgets: their counters over time, where each objective stands, and when it rings.

The alerts are those of the generated rules (`monitor.alerting.rules`): an increase over a window is what Prometheus'
`increase` says of samples written at each evaluation, the first of them 0, and nothing has to hold `for` a while.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from monitor.alerting import names
from monitor.alerting.alert import Alert
from monitor.alerting.burning import Bar, Burn, budget_left, burn_rate, burns, event_cadence, state_of
from monitor.alerting.episodes import Episodes
from monitor.alerting.reasons import burns_in_words, newest_of, versions_in_force
from monitor.alerting.trail import Trail
from monitor.clock import format_duration
from monitor.config.alert_keys import SHADOW
from monitor.report.objectives import levels_asked
from monitor.statistics.budget import Standing, Tally
from monitor.statistics.ladder import PAGE, TICKET, ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from monitor.alerting.source import Kept
    from monitor.config import ModelSettings, Objective, Settings
    from monitor.statistics.report import WindowResult

    ObjectiveKey = tuple[str, str]
    """(model, the objective's name)."""

PART: Final = "budgets"
"""Name of what `Objectives.packed` returns among the parts of a record."""
ALERT_OF: Final = {PAGE: names.BURNS_FAST, TICKET: names.BURNS}
"""How loud -> the alert."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One objective with a target, and by what it is held."""

    model: ModelSettings
    objective: Objective
    target: Decimal
    bars: tuple[Bar, ...]

    @property
    def key(self) -> ObjectiveKey:
        """(model, the objective's name)."""
        return self.model.name, self.objective.name


class Hearer(Protocol):
    """Hears what every budget saw at every evaluation: the backtest learns from it what its alerts were worth."""

    def hear(self, now: int, budget: Budget, tally: Tally, seen: Sequence[Burn]) -> None:
        """Take one evaluation of one budget: its counters, and the levels that burn too fast, guarded or not."""
        ...


Counted = tuple[int, int, int]
"""Events, bad, skipped."""


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """What a record keeps."""

    episodes: list[Alert]
    tallies: list[tuple[str, str, Counted, Counted]]
    """Model, objective, its counters, and where they stood before the first evaluation that is known."""
    serving: dict[str, str]
    """Model -> version in force."""


def budgets(settings: Settings, cadence: int) -> tuple[Budget, ...]:
    """Return each objective with a target, in the order of the configuration, with its levels at this cadence (ms)."""
    found = []
    for model in settings.models.values():
        for objective in model.objectives:
            if objective.target is not None:
                levels = levels_asked(settings, objective, cadence)
                bars = tuple(Bar.of_level(level, objective.target) for level in levels)
                found.append(Budget(model, objective, objective.target, bars))
    return tuple(found)


def counters(settings: Settings, counted: Mapping[ObjectiveKey, Tally]) -> dict[ObjectiveKey, Tally]:
    """Return the counters of every objective with a target, zeros where nothing was counted, and of no other one."""
    return {
        (model.name, objective.name): counted.get((model.name, objective.name), Tally())
        for model in settings.models.values()
        for objective in model.objectives
        if objective.target is not None
    }


class Objectives:
    """Follows the counters of all error budgets through time. One source of alerts."""

    def __init__(
        self,
        settings: Settings,
        cadence: int,
        begun: int,
        *,
        tallies: Mapping[ObjectiveKey, Tally] | None = None,
        exact: bool = False,
        hearer: Hearer | None = None,
    ) -> None:
        """Begin at `begun` (epoch ms) with these counters; None: zeros.

        cadence: how often, in ms, the counters move. exact: evaluations count on multiples of the cadence alone, and
        each of them is kept as long as any window needs it; otherwise they are kept as records are.
        """
        self._settings, self._cadence, self._exact, self._hearer = settings, cadence, exact, hearer
        self._budgets = budgets(settings, cadence)
        self._period = settings.slo.period.millis
        levels = ladder(self._period, cadence)
        self._windows = sorted({length for level in levels for length in (level.long, level.short)})
        self._lengths = sorted({self._period, *self._windows})
        self._longest = {
            one.key: max((bar.level.long for bar in one.bars), default=self._period) for one in self._budgets
        }
        self._at, self._tallies = begun, counters(settings, tallies or {})
        self._trail = Trail(self._tallies, self._lengths[-1] if exact else None)
        self._starts = dict.fromkeys(self._lengths, -1)
        self._recent: list[WindowResult] = []
        """What came since the last evaluation of budgets."""
        self._newest: list[WindowResult] = []
        """What came with the last evaluation that had any."""
        self._serving: dict[str, str] = {}
        """Model -> version, as far as an earlier evaluation knew it."""
        self._episodes: Episodes[tuple[str, str, str]] = Episodes(lambda a: (a.model, a.slo, a.severity))

    @property
    def part(self) -> str:
        """Name of what `packed` returns."""
        return PART

    def observe(self, now: int, tallies: Mapping[ObjectiveKey, Tally], results: Sequence[WindowResult]) -> None:
        """Take an evaluation: the counters as of `now`, and the windows that were due, for the texts of alerts."""
        if not self._budgets:
            return
        self._recent += results
        if self._exact and now % self._cadence:
            return
        self._at, self._tallies = now, {one.key: tallies.get(one.key) or Tally() for one in self._budgets}
        self._trail.add(now, self._tallies)
        self._starts = {length: self._trail.place(now - length) for length in self._lengths}
        self._newest = self._recent or self._newest
        for budget in self._budgets:
            self._ring(budget)
        self._recent = []

    def _ring(self, budget: Budget) -> None:
        """Begin and end the episodes of one objective."""
        key, now = budget.key, self._tallies[budget.key]
        then = self._then(key)
        # Without a bad event in its longest window no level can be above its bar: mostly that is all there is to see.
        seen = burns(budget.bars, now, then) if now.bad > then(self._longest[key]).bad else []
        if self._hearer is not None:
            self._hearer.hear(self._at, budget, now, seen)
        if not seen and not self._episodes.open():
            return
        for severity, name in ALERT_OF.items():
            ringing = next((burn for burn in seen if burn.bar.level.severity == severity and burn.enough), None)
            if ringing is None:
                self._episodes.end((*key, severity), self._at)
            elif (*key, severity) not in self._episodes:
                self._episodes.begin(self._alert(budget, name, ringing))

    def _then(self, key: ObjectiveKey) -> Callable[[int], Tally]:
        """Return what tells what the counters of an objective were so many ms ago."""
        trail, starts = self._trail, self._starts
        return lambda length: trail.at(key, starts[length])

    def _increase(self, key: ObjectiveKey) -> Callable[[int], Tally]:
        """Return what tells how much the counters of an objective grew over the last so many ms."""
        now, then = self._tallies[key], self._then(key)
        return lambda length: now - then(length)

    def _alert(self, budget: Budget, name: str, ringing: Burn) -> Alert:
        """Return the episode that begins now. Its version is the one that serves, since a budget is of all versions."""
        model, objective = budget.model, budget.objective
        version = self._in_force().get(model.name) or max(model.baseline, default="")
        period = (self._settings.slo.period.text, self._increase(budget.key)(self._period))
        return Alert(
            alert=name,
            severity=ringing.bar.level.severity,
            slo=objective.name,
            source="burn",
            model=model.name,
            version=version,
            segment=objective.segment,
            metric=objective.metric,
            class_=objective.class_,
            at=self._at,
            resolved_at=None,
            reason=burns_in_words(objective, ringing, period, newest_of(model, objective, version, self._newest)),
            shadow=objective.routing == SHADOW,
        )

    def _in_force(self) -> Mapping[str, str]:
        """Return model -> the version that serves it."""
        self._serving.update(versions_in_force(self._settings.models, self._newest))
        return self._serving

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order, those in the shadow too."""
        return self._episodes.alerts

    def standings(self) -> tuple[Standing, ...]:
        """Return where each objective with a target stands as of the last evaluation, as they are configured."""
        return tuple(map(self._standing, self._budgets))

    def _standing(self, budget: Budget) -> Standing:
        increase, key = self._increase(budget.key), budget.key
        held = increase(self._period)
        rings = any((*key, severity) in self._episodes for severity in ALERT_OF)
        return Standing(
            model=budget.model.name,
            slo=budget.objective.name,
            kind=budget.objective.kind,
            target=budget.target,
            routing=budget.objective.routing,
            state=state_of(budget.bars, budget.target, held, increase, rings=rings),
            period=held,
            budget_left=budget_left(held, budget.target),
            burn={format_duration(length): burn_rate(increase(length), budget.target) for length in self._windows},
            event_cadence=event_cadence(*self._trail.course(key), self._at),
            shadow_pages=sum(
                alert.shadow and alert.severity == PAGE and alert.at > self._at - self._period
                for alert in self._episodes.alerts
                if (alert.model, alert.slo) == key
            ),
            levels=tuple(bar.level for bar in budget.bars),
        )

    def packed(self, since: int) -> bytes:
        """Return the counters, and the episodes that last or ended at `since` or later."""
        origin = self._trail.origin
        tallies = [(*key, _counted(tally), _counted(origin[key])) for key, tally in self._tallies.items()]
        return msgspec.msgpack.encode(_Known(self._episodes.lasting(since), tallies, dict(self._in_force())))

    def restore(self, kept: Kept, now: int) -> None:
        """Go on with what earlier processes packed, one evaluation after the other, in the order of their moments.

        The episode of an objective that is gone, or that is about something else now, ends at `now`. What cannot be
        read is passed over.
        """
        moments: list[int] = []
        samples: list[dict[ObjectiveKey, Tally]] = []
        origin: dict[ObjectiveKey, Tally] = {}
        episodes: list[Alert] = []
        for at, part in kept:
            with suppress(msgspec.MsgspecError):
                known = msgspec.msgpack.decode(part, type=_Known)
                moments.append(at)
                samples.append({(model, slo): Tally(*counted) for model, slo, counted, _ in known.tallies})
                origin.update({(model, slo): Tally(*begun) for model, slo, _, begun in known.tallies})
                episodes += known.episodes
                self._serving = {name: v for name, v in known.serving.items() if name in self._settings.models}
        if not moments:
            return
        self._trail.begin(moments, samples, origin, now)
        self._episodes.restore(episodes, now, self._goes_on)

    def _goes_on(self, alert: Alert) -> bool:
        """Tell whether an episode of an earlier process is one that could begin now."""
        for one in self._budgets:
            objective = one.objective
            if one.key == (alert.model, alert.slo):
                about = (objective.metric, objective.class_, objective.segment, objective.routing == SHADOW)
                loud = {bar.level.severity for bar in one.bars}
                return about == (alert.metric, alert.class_, alert.segment, alert.shadow) and alert.severity in loud
        return False


def _counted(tally: Tally) -> Counted:
    return tally.events, tally.bad, tally.skipped
