"""Fills a small disk with a state and makes it larger again; run inside a mount namespace of its own.

    unshare -rm python durable_full_disk.py FOLDER

prints one JSON object with what happened.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from durable_drive import opened, remembered, run, told

from monitor.errors import StateBroken
from monitor.state import Commit

folder = Path(sys.argv[1])
MOUNT = shutil.which("mount")
subprocess.run([MOUNT, "-t", "tmpfs", "-o", "size=500k", "tmpfs", folder], check=True)
happened = {}
state = opened(folder / "state")
try:
    run(state, 3_000)
except StateBroken as error:
    happened["said"] = str(error)
happened["broke at"] = state.offsets().get("p/0", 0)
# The slices that `run` dropped just before are gone from memory: that is durable with the next commit alone.
mine, wanted = told(state), remembered(happened["broke at"])
happened["memory is not ahead"] = {**mine, "slices": 0} == {**wanted, "slices": 0}
try:
    state.commit(Commit(offsets={"p/0": 10**6}))
except StateBroken as error:
    happened["said again"] = str(error)
state.close()
subprocess.run([MOUNT, "-o", "remount,size=64m", folder], check=True)
state = opened(folder / "state")
happened["opened at"] = state.offsets().get("p/0", 0)
happened["is what it was"] = told(state) == remembered(happened["opened at"])
wanted = happened["opened at"] + 20
happened["goes on"] = told(run(state, wanted)) == remembered(wanted)
state.close()
subprocess.run([MOUNT, "-o", "remount,ro", folder], check=True)
try:
    opened(folder / "state")
except Exception as error:  # noqa: BLE001 - whatever it is, the test reads it
    happened["read-only"] = f"{type(error).__name__}: {error}"
sys.stdout.write(json.dumps(happened))
