"""`foldwatch check --connect`: asks broker, topics and state, and prints a line for each answer."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final

from monitor.config.finding import Finding, Level, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.config import Settings

SOURCE_SECONDS: Final = 20.0
STATE_SECONDS: Final = 6.0
"""Together with what is loaded before they stay within 30 s, whatever hangs."""
_SUBJECTS: Final = ("broker", "login", "predictions", "labels", "dead letters", "state")


def connect(settings: Settings) -> int:
    """Print what is found, line by line as it comes; return 1 where something failed, else 0.

    Raises InputError where the configuration names no source to connect to.
    """
    from monitor.clock import SystemClock
    from monitor.config import require_source
    from monitor.sources.broker.clients import open_client
    from monitor.sources.reachable.cluster import cluster_steps
    from monitor.sources.reachable.files import file_steps
    from monitor.state.disk.standing import state_steps

    require_source(settings)
    clock = SystemClock()
    kafka = settings.source.kind == "kafka"
    source = cluster_steps(settings, open_client, clock) if kafka else file_steps(settings, clock)
    failed = False
    for steps, seconds in ((source, SOURCE_SECONDS), (state_steps(settings), STATE_SECONDS)):
        for finding in findings(steps, seconds):
            print(line(finding), flush=True)
            failed = failed or finding.level is Level.FAILED
    return 1 if failed else 0


def line(finding: Finding) -> str:
    """Return a finding as one line of plain text: level, subject, what was found; what to do."""
    level, subject = (max(map(len, words)) for words in (Level, _SUBJECTS))
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    text = f"{finding.level:<{level}}  {finding.subject:<{subject}}  {finding.found}{remedy}"
    return " ".join(text.split("\n"))


def findings(steps: Iterable[Step], seconds: float) -> Iterator[Finding]:
    """Yield the answers as they come; the question that is open after so many seconds has failed, and is the last."""
    answers: SimpleQueue[Finding | Exception | str | None] = SimpleQueue()
    # A daemon thread: what hangs in a library or in name resolution must not keep the command from ending.
    Thread(target=_ask, args=(steps, answers), daemon=True).start()
    until = time.monotonic() + seconds
    subject = ""
    while True:
        try:
            answer = answers.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            remedy = "see that every broker can be reached under the address that it advertises (advertised.listeners)"
            found = f"no answer to the last question within {seconds:g} s in all; nothing further was asked"
            yield Finding(Level.FAILED, subject, found, "see to the disk" if subject == "state" else remedy)
            return
        if answer is None:
            return
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            subject = answer
        else:
            yield answer


def _ask(steps: Iterable[Step], answers: SimpleQueue[Finding | Exception | str | None]) -> None:
    """Put every answer into the queue, each behind its subject; None at the end."""
    try:
        for step in steps:
            answers.put(step.subject)
            for finding in step.ask():
                answers.put(finding)
    except Exception as wrong:  # noqa: BLE001 - it is raised again where the answers are read
        answers.put(wrong)
    answers.put(None)
