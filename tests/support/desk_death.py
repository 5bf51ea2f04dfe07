"""Dies at each step of what is done to the disk, and asks again; run as a script it prints what came of it.

    python desk_death.py FOLDER WHAT

prepares a desk in FOLDER, does WHAT (begin, promote, reject, wait, approve, rollback) once undisturbed, and then once
for each time that it writes, renames, cuts, removes or makes anything durable: a child is killed right before that, and
one more in the midst of each write to the ledger. After each death another child looks at what is left, and asks again.
Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from desk_scene import MODEL, ask, begin, is_whole, opened, pointed, promoted, result, scene
from promoted_scene import fabricated

from monitor.baselines.in_force import load_baselines
from monitor.config import load
from monitor.revalidate.desk import Refused
from monitor.state.disk.rocksdb import Database
from monitor.state.opened import open_state

FIRST, GOOD = fabricated("3"), fabricated("3", seed=2)
BETTER, WORSE = fabricated("3", right=0.95), fabricated("3", right=0.7)


CUTS = {"half": lambda content: len(content) // 2, "line": lambda content: content.index(b"\n") + 1}
"""How much of a write is done by who dies in its midst."""


class Death:
    """Counts steps, and kills this process before one of them, or in the midst of what it writes."""

    def __init__(self, step: int, cut: str | None = None) -> None:
        self.step, self.cut, self.names = step, cut, []

    def before(self, name, function):
        """Return the function, which dies at its step."""

        def wrapped(*args, **keys):
            self.names.append(name)
            if len(self.names) == self.step:
                if self.cut is not None:
                    function(args[0], args[1][: CUTS[self.cut](args[1])])
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **keys)

        return wrapped

    def threaten(self) -> None:
        """Let everything that changes the disk be a step."""
        for name in ("write", "fsync", "ftruncate", "replace", "unlink", "mkdir"):
            setattr(os, name, self.before(name, getattr(os, name)))
        Database.write = self.before("state", Database.write)


def prepare(folder, what):
    """Bring the desk to where the thing can be done; return the run that is open."""
    settings = scene(folder, gate="approval: manual" if what in {"wait", "approve"} else "")
    if what == "begin":
        open_state(settings).close()
        return None
    with opened(settings) as at:
        if what == "rollback":
            promoted(at.desk, GOOD)
            return None
        run = begin(at.desk)
        if what == "approve":
            at.desk.hand_in(result(run, BETTER))
        return run


def do(what, desk, run):
    """Do it."""
    if what == "begin":
        return desk.decide(ask())[0]
    if what == "rollback":
        return desk.rollback(MODEL, "boss")
    if what == "approve":
        return desk.approve(MODEL, "boss")
    return desk.hand_in(result(run, WORSE if what == "reject" else BETTER))


def forked(function):
    """Do something in a child; return what it returned, or None where it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            with os.fdopen(writer, "w") as told:
                json.dump(function(), told)
        except BaseException as error:  # noqa: BLE001 - told to the parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        content = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if status:
        raise SystemExit(1)
    return json.loads(content)


def once(folder, what, run, death=None):
    """Do it once, and tell what it came to."""
    settings = load(folder / "foldwatch.yaml")
    if death is not None:
        death.threaten()
    with opened(settings) as at:
        try:
            decision = do(what, at.desk, run)
            said = [decision.decision, decision.run, decision.baseline_before, decision.baseline_after]
        except Refused as refused:
            said = str(refused)
    return {"said": said, "steps": [] if death is None else death.names}


def left(folder):
    """Tell what stands on the disk, without opening the desk."""
    settings = load(folder / "foldwatch.yaml")
    state = open_state(settings)
    whole = is_whole(settings, state)
    state.close()
    in_force = load_baselines(settings)[MODEL, "3"].content_hash
    ledger = settings.ledger.read_text() if settings.ledger.exists() else ""
    return {"whole": whole, "pointed": pointed(settings), "in force": in_force, "ledger": ledger}


def after(folder, what, run):
    """Tell what a death left, what comes of asking again, and what stands there then."""
    return {"left": left(folder), "answer": once(folder, what, run)["said"], "then": left(folder)}


def main() -> None:
    """See the module."""
    folder, what = Path(sys.argv[1]) / "case", sys.argv[2]
    folder.mkdir()
    run = forked(lambda: prepare(folder, what))
    template = folder.with_name("template")
    shutil.copytree(folder, template)
    before = forked(lambda: left(folder))

    def again(function):
        shutil.rmtree(folder)
        shutil.copytree(template, folder)
        return forked(function)

    wanted = again(lambda: once(folder, what, run, Death(0)))
    then = forked(lambda: left(folder))
    steps = [(at, None) for at in range(1, len(wanted["steps"]) + 1)]
    steps += [(at, cut) for at, name in enumerate(wanted["steps"], 1) if name == "write" for cut in CUTS]
    deaths = []
    for step, cut in steps:
        survived = again(lambda: once(folder, what, run, Death(step, cut)))  # noqa: B023 - it is called at once
        found = forked(lambda: after(folder, what, run))
        deaths.append({"step": step, "cut": cut, "survived": survived is not None, **found})
    sys.stdout.write(json.dumps({"before": before, "wanted": wanted, "then": then, "deaths": deaths}))


if __name__ == "__main__":
    main()
