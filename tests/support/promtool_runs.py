"""Generated rules and their tests in a folder, and what promtool says of them."""

from __future__ import annotations

import os
import subprocess

from monitor.alerting.promtool import files as promtool_files
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import text

_THRIFTY = {"GOGC": "400", "GOMAXPROCS": "1"}
"""promtool lives for a second: it need not tidy up all the time, nor take every processor."""


def written(settings, folder):
    """Write rules and tests, and return the paths of the tests."""
    files = rule_files(settings)
    texts = {file.path: text(file) for file in files} | promtool_files.test_files(settings, files)
    put(texts, folder)
    return [folder / path for path in texts if path.endswith("_test.yml")]


def put(texts, folder):
    """Write files below a folder."""
    for path, body in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(body)


def ran(promtool, *paths):
    """Return (did every test pass, what promtool said)."""
    command = [promtool, "test", "rules", *map(str, paths)]
    result = subprocess.run(command, env=os.environ | _THRIFTY, capture_output=True, text=True, check=False)
    return result.returncode == 0, result.stdout + result.stderr
