import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from monitor.clock import HOUR, ManualClock
from monitor.demo import circle, phases
from monitor.demo.digits import prepare
from monitor.demo.retraining import damaged_rows, deployed_on, mixed_up
from monitor.demo.source import DemoSource
from monitor.revalidate.ledger.verify import verify


def started(*options):
    command = [sys.executable, "-m", "monitor", "demo", "--revalidate", "--listen", "127.0.0.1:0", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_the_circle_is_closed_within_three_minutes_and_the_ledger_tells_it():
    child = started()
    told, page = [], ""
    for line in child.stdout:
        told.append(line)
        if "production carries version 2 from now on" in line:
            url = re.search(r"http://\S+/", "".join(told))[0]
            with urllib.request.urlopen(url, timeout=10) as answer:
                page = answer.read().decode()
    _, err = child.communicate(timeout=30)
    out = "".join(told)
    folder = Path(re.search(r"^ledger +(\S+)/ledger.jsonl: verified$", out, re.MULTILINE)[1])
    try:
        assert (child.returncode, err) == (0, ""), out
        for step in circle_steps():
            assert not re.search(rf"^{step} +not reached$", out, re.MULTILINE), out
        rejected, promoted = out.index("digits 1: rejected"), out.index("digits 1: promoted")
        assert out.index("recall-8 has spent") < rejected < promoted < out.index("OK again, of version 2")
        assert "where production delivers" in out[rejected:promoted]
        assert "The gate's yardstick is live" in out.replace("\n", " ")
        assert "promoted" in page
        assert verify(folder / "ledger.jsonl", None) == []
        entries = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
        assert [one["decision"] for one in entries if one["kind"] == "decision"] == [
            "start", "rejected", "start", "promoted",
        ]  # fmt: skip
        (promotion,) = [one for one in entries if one["kind"] == "promotion"]
        pointer = json.loads((folder / "baselines" / "current.json").read_text())
        assert pointer == {"digits": {"2": f"{promotion['baseline_after']}.json"}}
        assert not (folder / "state").exists()
    finally:
        shutil.rmtree(folder)


def circle_steps():
    return ("healthy", "damage", "rejected", "promoted", "carried", "closed")


def test_a_circle_that_is_not_closed_in_time_is_exit_code_1():
    child = started("--seconds", "1")
    out, err = child.communicate(timeout=90)
    assert (child.returncode, err) == (1, "")
    assert re.search(r"^closed +not reached$", out, re.MULTILINE)
    shutil.rmtree(re.search(r"^ledger +(\S+)/ledger.jsonl", out, re.MULTILINE)[1])


def test_it_does_not_go_through_kafka():
    child = started("--kafka", "localhost:9092")
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (2, "--revalidate: does not go with --kafka; leave out one of them\n")


@pytest.fixture(scope="module")
def rows():
    return damaged_rows()


def test_the_first_export_has_a_fifth_of_its_labels_on_the_wrong_pictures(rows):
    wrong = mixed_up(rows)
    assert (wrong.pixels == rows.pixels).all()
    assert np.bincount(wrong.digits).tolist() == np.bincount(rows.digits).tolist()
    assert 0.1 < (wrong.digits != rows.digits).mean() < 0.25
    assert rows.csv().splitlines()[0].endswith("p63,digit")
    assert len(rows.csv().splitlines()) == len(rows.digits) + 1


def test_from_its_deployment_on_another_version_predicts_for_the_same_pictures(rows):
    clock = ManualClock(phases.BEGIN)
    source = DemoSource(prepare().pools, clock, circle.phase_of)
    clock.move_to(phases.BEGIN + (circle.HEALTHY_HOURS + 1) * HOUR)
    source.poll()
    since = source.deploy(circle.RETRAINED, deployed_on(rows))
    clock.move_to(since + HOUR)
    predictions = source.poll().models[phases.MODEL].predictions
    assert predictions.version.words == (phases.VERSION, circle.RETRAINED)
    assert predictions.version.codes.tolist() == (predictions.predicted_at >= since).astype(int).tolist()
    again = DemoSource(prepare().pools, ManualClock(clock.now()), circle.phase_of)
    before = again.poll().models[phases.MODEL].predictions
    same = slice(len(before.ids) - len(predictions.ids), None)
    assert predictions.ids.tolist() == before.ids[same].tolist()
    assert (predictions.y_pred != before.y_pred[same]).mean() > 0.01


def test_the_headlines_follow_what_production_does():
    healthy, damaged = phases.BEGIN, phases.BEGIN + circle.HEALTHY_HOURS * HOUR
    assert circle.headline(healthy, carried=False).title == "Part 1 of 3: healthy"
    assert circle.headline(damaged, carried=False).title == "Part 2 of 3: damage"
    assert circle.headline(damaged, carried=True).title == "Part 3 of 3: the retrained model"
    assert not circle.is_damaged(damaged - 1)
