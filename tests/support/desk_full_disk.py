"""Promotes where the disk is full; run inside a mount namespace of its own.

    unshare -rm python desk_full_disk.py FOLDER

prints one JSON object with what happened.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from desk_scene import MODEL, begin, is_whole, kinds, opened, pointed, result, scene
from promoted_scene import fabricated

from monitor.baselines.in_force import load_baselines
from monitor.errors import FoldwatchError
from monitor.state.memory import MemoryState

folder = Path(sys.argv[1])
FIRST, BETTER = fabricated("3"), fabricated("3", right=0.95)
MOUNT = shutil.which("mount")
small = folder / "small"
small.mkdir()
subprocess.run([MOUNT, "-t", "tmpfs", "-o", "size=96k", "tmpfs", small], check=True)
settings = scene(folder)
model = settings.models[MODEL]
promote_to = replace(model.revalidation, promote_to=small / "baselines")
settings = replace(settings, models={MODEL: replace(model, revalidation=promote_to)}, ledger=small / "ledger.jsonl")
state = MemoryState(settings.models)
happened = {"said": []}
with opened(settings, state=state) as at:
    run = begin(at.desk)
    filler = small / "filler"
    content = b"x" * 200_000
    while content:  # leave a little less room each time: another file is the one that does not fit
        with suppress(OSError):
            filler.write_bytes(content)
        room = len(happened["said"]) * 4096
        with filler.open("r+b") as file:
            file.truncate(max(0, filler.stat().st_size - room))
        try:
            happened["decision"] = at.desk.hand_in(result(run, BETTER)).decision
            break
        except FoldwatchError as error:
            happened["said"].append(f"{type(error).__name__}: {error}")
        happened["in force"] = at.in_force[MODEL, "3"] == FIRST and load_baselines(settings)[MODEL, "3"] == FIRST
        happened["pointed"] = pointed(settings)
        happened["whole"] = is_whole(settings, state)
        if not happened["in force"] or not happened["whole"] or len(happened["said"]) > 30:
            break
    happened["in the end"] = load_baselines(settings)[MODEL, "3"] == BETTER
    happened["kinds"] = kinds(settings)
sys.stdout.write(json.dumps(happened))
