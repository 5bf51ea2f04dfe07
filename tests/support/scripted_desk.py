"""A desk that says what a test wants and remembers what it was asked; and a daemon's door with it behind."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import fabricated as made

from monitor.config import ServerSettings
from monitor.revalidate.asking.calls import answer
from monitor.revalidate.asking.inbox import Inbox
from monitor.revalidate.decision import Decision, Drift, Evidence, Verb
from monitor.revalidate.desk import (
    Ask,
    Candidate,
    Ended,
    Ledgered,
    Look,
    Progress,
    Result,
    Sampled,
    Upload,
)
from monitor.serve import Probes, Server, Taken
from monitor.serve.limits import Limits

EVIDENCE = Evidence(
    model="churn",
    version="3",
    as_of=1_700_000_000_000,
    baseline="ab" * 32,
    baseline_written_at=5,
    spent={"floor": 1.5},
    worse={"floor": 3},
    labels=70,
    mature={"stay": 40, "häufig": 2},
    red_gates=("predictions",),
    drift=Drift(0.5, {"age": {"p": 0.001, "drifted": True, "n": 500}}, ("too few of `x`",), "cd" * 32),
)
SAMPLED = Sampled("churn", "3", b"\x00\xff", [{"age": 1.5, "(class)": "stay", "x": None}], {"stay": 3}, {}, [1], [])
LOOK = Look(EVIDENCE, SAMPLED)
DECISION = Decision(
    "churn",
    "3",
    triggered=("drift_share", "force"),
    held_back_by=("quiet",),
    decision=Verb.START,
    baseline_before="ab" * 32,
    reasons=("because",),
    warnings=("careful",),
    run="0123456789abcdef",
    run_started=4,
    at=5,
    waits_for_approval=True,
    seen={"labels": 70},
    gate={"passed": False, "rows": [1.5, None]},
)
CANDIDATE = Candidate(
    b"{}\x00\xff", "fold,y\n", b"t", b"f", ("old data",), {"data": "ef" * 32}, 7, {1_700_000_000_000: 9}
)
ASK = Ask("churn", "amy@host", "HOST/BOOT/1/2", force=True, drift={"3": EVIDENCE.drift}, settled=("4",))
RESULT = Result("0123456789abcdef", "amy@host", CANDIDATE, b"<html>")
ENDED = Ended("0123456789abcdef", "amy@host", "timed out", "after 1 h")
PROGRESS = Progress("0123456789abcdef", "HOST/BOOT/1/2", "fold 3 of 5", "job/foldwatch-1")
UPLOAD = Upload("0123456789abcdef", "churn", "3", "promoted", "ab" * 32, b"{}", 1, 2, {"drift.html": b"<html>"})
LEDGERED = Ledgered([{"number": 1, "kind": "config", "previous": "0" * 64}], 1, "ab" * 32, ["line 7: was changed"])


class ScriptedDesk:
    """Keeps what it is asked in `asked`; raises `trouble` where there is any."""

    def __init__(self, trouble=None):
        self.asked, self.trouble = [], trouble

    def _say(self, what, *asked):
        self.asked.append(asked)
        if self.trouble is not None:
            raise self.trouble
        return what

    def looks(self, model):
        return self._say([LOOK], "looks", model)

    def decide(self, ask):
        return self._say([DECISION, DECISION], "decide", ask)

    def progress(self, progress):
        return self._say(progress.run == PROGRESS.run, "progress", progress)

    def hand_in(self, result):
        return self._say(DECISION, "hand_in", result)

    def end(self, ended):
        return self._say(DECISION, "end", ended)

    def approve(self, model, by):
        return self._say(DECISION, "approve", model, by)

    def rollback(self, model, by):
        return self._say(DECISION, "rollback", model, by)

    def canary(self, model, candidate):
        return self._say({"verdict": "OK", "rows": []}, "canary", model, candidate)

    def ledger(self):
        return self._say(LEDGERED, "ledger")

    def uploads(self):
        return self._say([UPLOAD], "uploads")

    def uploaded(self, run, mlflow_run):
        return self._say(None, "uploaded", run, mlflow_run)


class Loop:
    """What a daemon's own loop does with its inbox."""

    def __init__(self, desk, inbox):
        self.desk, self.inbox = desk, inbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            if not self.inbox.work(lambda name, body: answer(self.desk, name, body)):
                self._stop.wait(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)
        self.inbox.close()


@contextmanager
def behind_a_door(desk, folder, *, tls=None, auth=None, listen=("127.0.0.1", 0), **limits):
    """A server whose calls `desk` answers; `folder` holds its token."""
    inbox = Inbox()
    settings = ServerSettings(listen, tls=tls, auth=auth)
    fine = Probes(healthy=lambda: None, ready=lambda: None)
    with (
        Server(settings, fine, made.empty_snapshot(), Limits(**limits), Taken(inbox, folder)) as server,
        Loop(desk, inbox),
    ):
        yield server
