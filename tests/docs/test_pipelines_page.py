"""docs/pipelines.md: what it shows is valid, its receiver tells our requests from others, its words are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from action_scene import ORDER, watched
from alert_stack import free_port
from http_clients import ask, until

from monitor.clock import ManualClock, SystemClock
from monitor.config.job_template import read_job_template
from monitor.config.placeholders import PLACEHOLDERS
from monitor.config.read import understand
from monitor.config.revalidation import WebhookAction
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.webhook import Webhook

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOWN = {block.partition("\n")[0].removeprefix("# "): block for block in BLOCKS if block.startswith("# ")}
MODEL = {"classes": ["stay", "leave"], "windows": ["24h"], "label_horizon": "1d"}
SECRET = "a secret of the test"  # noqa: S105 - the test's own


@pytest.fixture
def receiver(tmp_path):
    """The receiver of the page, on a port of its own; returns its port."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "webhook").write_text(SECRET + "\n")
    port = free_port()
    assert "8080" in program
    started = program.replace("8080", str(port)).replace("  # here it starts", "; print(len(seen), flush=True)  #")
    with (tmp_path / "started").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", started], cwd=tmp_path, stdout=output, stderr=subprocess.DEVNULL
        )
    try:
        until(lambda: listening(port))
        yield port
    finally:
        process.kill()
        process.wait()


def listening(port):
    try:
        return ask(("127.0.0.1", port), "/")[0]
    except OSError:
        return None


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_can_be_configured(name, tmp_path):
    told = yaml.safe_load(SHOWN[name])
    told.setdefault("action", {"kind": "command", "argv": ["true"]})
    model = {**MODEL, "revalidate": {**told, "promote_to": "baselines"}}
    settings = understand(yaml.safe_dump({"models": {"churn": model}}).encode(), tmp_path / "foldwatch.yaml")
    assert settings.models["churn"].revalidation.action.kind == told["action"]["kind"]


def test_the_receiver_takes_what_is_ours_once_and_nothing_else(receiver, tmp_path):
    action = WebhookAction(f"http://127.0.0.1:{receiver}/", tmp_path / "secrets" / "webhook", time_limit=5_000)
    watch, _ = watched()
    for _ in range(2):
        assert Webhook(action).run(ORDER, watch).state is State.HANDED_OVER
    (tmp_path / "other").write_text("another secret")
    forged = Webhook(replace(action, secret_file=tmp_path / "other")).run(ORDER, watch)
    old = Webhook(action, ManualClock(SystemClock().now() - 301_000)).run(ORDER, watch)
    assert [one.state for one in (forged, old)] == [State.FAILED] * 2
    assert "answered 403" in forged.reason
    assert Webhook(action).run(replace(ORDER, run="another"), watch).state is State.HANDED_OVER
    assert (tmp_path / "started").read_text().split() == ["1", "2"]


def test_every_placeholder_is_explained_and_no_other_one():
    table = PAGE.partition("| placeholder |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`\{(\w+)\}`", table)) == sorted(PLACEHOLDERS)


def test_the_job_of_the_page_is_one_that_can_be_started(tmp_path):
    (job,) = (block for block in BLOCKS if block.startswith("apiVersion: batch/v1"))
    (tmp_path / "job.yaml").write_text(job)
    assert read_job_template(tmp_path / "job.yaml")["metadata"]["name"] == "retrain-churn"


def test_the_receiver_fits_on_a_screen():
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(program.splitlines()) <= 22
