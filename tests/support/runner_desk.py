"""A desk that answers as it is told and remembers what it was asked; and an action that does the same."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import replace

from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.decision import Decision, Evidence, Verb
from monitor.revalidate.desk import Candidate, DeskAway, Look, Sampled


class ScriptedDesk:
    """Answers `decide` from a script; everything else by the rules."""

    def __init__(self, *answers, version="3", away=0):
        self.answers, self.asked, self.version, self.away = deque(answers), [], version, away
        self.results, self.ended, self.renewed, self.ours = [], [], [], True
        self.open = 0

    @contextmanager
    def reached(self, wait):  # noqa: ARG002 - as whoever reaches it passes it
        if self.away:
            self.away -= 1
            message = "http://127.0.0.1:1: nobody answers"
            raise DeskAway(message)
        self.open += 1
        assert self.open == 1, "the desk is reached by two at once"
        try:
            yield self
        finally:
            self.open -= 1

    def looks(self, model):
        seen = Evidence(model, self.version, 0)
        return [Look(seen, Sampled(model, self.version, b"{}"))]

    def decide(self, ask):
        self.asked.append(ask)
        return self.answers.popleft()

    def progress(self, progress):
        self.renewed.append(progress)
        return self.ours

    def hand_in(self, result):
        self.results.append(result)
        return Decision("churn", self.version, decision=Verb.PROMOTED, run=result.run)

    def end(self, ended):
        self.ended.append(ended)
        verb = Verb.START if ended.state == "handed over" else Verb.FAILED
        return Decision("churn", self.version, decision=verb, run=ended.run, reasons=(ended.reason,))


class ScriptedAction:
    """Does what it is told and comes back with an outcome."""

    kind = "crossval"

    def __init__(self, outcome=None, during=None):
        self.outcome = outcome or Outcome(State.SUCCEEDED, candidate=Candidate(b"{}"))
        self.during, self.orders = during, []

    def run(self, order, watch):
        self.orders.append(order)
        if self.during is not None:
            self.during(order, watch)
        return self.outcome


def start(version="3", run="k" * 16, **more):
    return replace(Decision("churn", version, ("force",), decision=Verb.START, run=run, at=1_000), **more)


def nothing(version="3", **more):
    return replace(Decision("churn", version, at=1_000), **more)
