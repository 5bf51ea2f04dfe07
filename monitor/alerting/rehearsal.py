"""Listens to every budget of a backtest: which alerts rang, with the minimum-label guard and without, how many in vain.

What an alert is worth is told by what came after it, not by what made it ring: it is false where, of what was counted
in the level's long window after it began, no larger share was bad than the target allows (or than the level's own
threshold, where that is lower).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.alerting.objectives import ALERT_OF, budgets
from monitor.config.alert_keys import TIMESLICES
from monitor.report.rehearsal import Rehearsed, Rung
from monitor.statistics.budget import Tally
from monitor.statistics.feasible import starved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.alerting.burning import Burn
    from monitor.alerting.objectives import Budget
    from monitor.config import Settings
    from monitor.report.course import Course

    ObjectiveKey = tuple[str, str]
    """(model, the objective's name)."""


@dataclass(slots=True)
class _Episode:
    at: int
    until: int
    """Up to when what is counted tells what the episode is worth."""
    then: Tally
    """The counters when it began."""
    since: int
    """When what it tells of began."""
    limit: Fraction
    """A share of bad events up to which nothing burns on."""
    resolved_at: int | None = None
    after: Tally = field(default_factory=Tally)
    """What was counted from `at` to `until`, as far as the log goes."""

    @property
    def is_false(self) -> bool:
        """Whether what came after it says that nothing burnt on."""
        return bool(self.after.events) and self.after.bad <= self.limit * self.after.events


@dataclass(slots=True)
class _Side:
    """One objective and severity, with the guard or without."""

    allowed: Fraction
    """1 - target."""
    episodes: list[_Episode] = field(default_factory=list)
    open: bool = False
    judging: int = 0
    """Episodes before this one have heard all that they are judged by."""

    @property
    def busy(self) -> bool:
        """Whether it rings, or waits for what came after it rang."""
        return self.open or self.judging < len(self.episodes)

    def note(self, now: int, ringing: Burn | None, tally: Tally, since: int) -> None:
        """Take one evaluation."""
        for episode in self.episodes[self.judging :]:
            if episode.at < now <= episode.until:
                episode.after = tally - episode.then
        while self.judging < len(self.episodes) and self.episodes[self.judging].until <= now:
            self.judging += 1
        if ringing is not None and not self.open:
            limit = min(ringing.bar.share, self.allowed)
            self.episodes.append(_Episode(now, now + ringing.bar.level.long, tally, since, limit))
        elif ringing is None and self.open:
            self.episodes[-1].resolved_at = now
        self.open = ringing is not None


@dataclass(slots=True)
class _Lowest:
    """Since when more of the budget is spent than comes in: the last minimum of bad - (1 - target) x events."""

    allowed: Fraction
    """1 - target."""
    at: int
    balance: int = 0

    def note(self, now: int, tally: Tally) -> int:
        """Take the counters; return the moment of the last minimum."""
        balance = tally.bad * self.allowed.denominator - self.allowed.numerator * tally.events
        if balance <= self.balance:
            self.balance, self.at = balance, now
        return self.at


class Rehearsal:
    """Hears what every budget saw at every evaluation."""

    def __init__(self, settings: Settings, every: int, begun: int) -> None:
        """Begin at `begun`; evaluations come every `every` ms."""
        self._settings, self._every, self._begun = settings, every, begun
        self._lowest: dict[ObjectiveKey, _Lowest] = {}
        self._busy: set[ObjectiveKey] = set()
        self._sides: dict[tuple[ObjectiveKey, str, bool], _Side] = {}

    def hear(self, now: int, budget: Budget, tally: Tally, seen: Sequence[Burn]) -> None:
        """Take one evaluation of one budget."""
        key = budget.key
        lowest = self._lowest.get(key)
        if lowest is None:
            lowest = self._lowest[key] = _Lowest(Fraction(1 - budget.target), self._begun)
        since = lowest.note(now, tally)
        if not seen and key not in self._busy:
            return
        busy = False
        for severity in ALERT_OF:
            above = [burn for burn in seen if burn.bar.level.severity == severity]
            for guarded in (True, False):
                side = self._sides.setdefault((key, severity, guarded), _Side(lowest.allowed))
                side.note(now, next((burn for burn in above if burn.enough or not guarded), None), tally, since)
                busy = busy or side.busy
        (self._busy.add if busy else self._busy.discard)(key)

    def rehearsed(self, courses: Iterable[Course]) -> tuple[Rehearsed, ...]:
        """Return what became of each objective with a target, as they are configured. `courses`: of the windows."""
        changes: dict[ObjectiveKey, int] = {}
        for course in courses:
            key = (course.model, course.objective.name)
            if course.bad_since is not None:
                changes[key] = min(course.bad_since, changes.get(key, course.bad_since))
        told = []
        at_rules = {one.key: one for one in budgets(self._settings, self._settings.cadence)}
        for budget in budgets(self._settings, self._every):
            sliced = budget.objective.kind == TIMESLICES
            levels = tuple(bar.level for bar in budget.bars)
            told.append(
                Rehearsed(
                    budget.model.name,
                    budget.objective,
                    levels,
                    tuple(bar.level for bar in at_rules[budget.key].bars),
                    starved(levels, budget.target, self._every) if sliced else (),
                    tuple(
                        self._rung(budget, severity, changes.get(budget.key) if sliced else None, guarded=guarded)
                        for severity in ALERT_OF
                        if any(level.severity == severity for level in levels)
                        for guarded in (True, False)
                    ),
                )
            )
        return tuple(told)

    def _rung(self, budget: Budget, severity: str, changed_at: int | None, *, guarded: bool) -> Rung:
        side = self._sides.get((budget.key, severity, guarded), _Side(Fraction(1 - budget.target)))
        rung = Rung(
            severity,
            guarded,
            episodes=len(side.episodes),
            false=sum(one.is_false for one in side.episodes),
            unclear=sum(not one.after.events for one in side.episodes),
        )
        first = next((one for one in side.episodes if not one.is_false), None)
        if first is None:
            return rung
        known = changed_at is not None and changed_at <= first.at
        return replace(
            rung,
            first_at=first.at,
            changed_at=changed_at if known else first.since,
            first_resolved_at=first.resolved_at,
        )
