"""docs/revalidation.md: its commands run as they stand on a state that a daemon left, and end as the page says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
import tomllib
from pathlib import Path

import polars as pl
import pytest
import yaml
from alert_scene import Daemon
from alert_stack import until
from http_clients import ask
from revalidated import csv_of, drawn, free_port, promise
from sklearn.linear_model import LogisticRegression

from monitor.baselines.file import write
from monitor.baselines.pointer import KEPT
from monitor.cli import main
from monitor.config import load
from monitor.config.read import understand
from monitor.config.revalidation import CrossvalAction, Unless, When

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/revalidation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(SHOWN,) = (block for language, block in BLOCKS if language == "yaml")
COMMANDS = [line for language, block in BLOCKS if not language for line in block.splitlines()]
COMMANDS += re.findall(r"`(foldwatch [^`]*--config[^`]*)`", PAGE)
DRY, RUN, FORCE, VERIFY, ROLLBACK, APPROVE, GATE = (
    "foldwatch revalidate --config foldwatch.yaml --dry-run",
    "foldwatch revalidate --config foldwatch.yaml",
    "foldwatch revalidate --config foldwatch.yaml --force --model churn",
    "foldwatch revalidate log --config foldwatch.yaml --verify",
    "foldwatch revalidate rollback --config foldwatch.yaml --model churn",
    "foldwatch revalidate approve --config foldwatch.yaml --model churn",
    "foldwatch revalidate gate --config foldwatch.yaml --candidate 4",
)
ROWS = 2_000
"""For training, and of each version in production."""


def configuration(port, **gate):
    """What the page shows, in a configuration that is whole; `gate` adds to its gate. One core is quicker here."""
    shown = yaml.safe_load(SHOWN)["models"]["churn"]["revalidate"]
    shown["action"] |= {"jobs": 1}
    shown["gate"] |= gate
    objective = {"name": "leave-recall", "metric": "recall", "class": "leave", "window": "6h", "target": 0.65}
    return {
        "source": {
            "kind": "files",
            "predictions": {"path": "predictions.jsonl"},
            "labels": {"path": "labels.jsonl"},
            "dead_letters": {"path": "dead-letters.jsonl"},
            "defaults": {"model": "churn"},
        },
        "store": {"path": "state"},
        "server": {"listen": f"127.0.0.1:{port}"},
        "evaluate_every": "1s",
        "models": {
            "churn": {
                "classes": ["stay", "leave"],
                "baseline": {"3": "churn-3.json", "4": "churn-4.json"},
                "windows": ["6h"],
                "label_horizon": "0s",
                "margin": 0.06,
                "objectives": [objective | {"kind": "occurrences", "routing": "ticket"}],
                "revalidate": shown,
            }
        },
    }


def configure(folder, **gate):
    (folder / "foldwatch.yaml").write_text(yaml.safe_dump(configuration(free_port(), **gate)))


def train(folder, wrong=0.0):
    """Write the training data: of so large a share of the rows the target is drawn anew."""
    table = pl.read_csv(csv_of(*drawn(1, ROWS), target="y_true").encode())
    anew = table["y_true"].sample(fraction=1.0, shuffle=True, seed=1)
    (keep := pl.Series(range(ROWS)) >= wrong * ROWS).rename("keep")
    table.with_columns(y_true=anew.zip_with(~keep, table["y_true"])).write_parquet(folder / "train.parquet")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A folder as the page describes it: a daemon has run in it, and does no more."""
    folder = tmp_path_factory.mktemp("revalidation")
    configure(folder)
    train(folder)
    (folder / "churn_model.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n\n\ndef make():\n    return LogisticRegression()\n"
    )
    write(promise(2), folder / "churn-3.json")
    write(promise(4, version="4"), folder / "churn-4.json")
    model = LogisticRegression().fit(*drawn(1, ROWS))
    now = int(time.time() * 1_000)
    with (folder / "predictions.jsonl").open("w") as predictions, (folder / "labels.jsonl").open("w") as labels:
        for version, since in (("3", 5 * 3_600_000), ("4", 2 * 3_600_000)):
            x, y_true = drawn(3, ROWS)
            for i, (said, true) in enumerate(zip(model.predict(x), y_true, strict=True)):
                at, id_ = now - since + i * 500, f"{version}-{i}"
                predictions.write(
                    json.dumps({"prediction_id": id_, "version": version, "predicted_at": at, "y_pred": said}) + "\n"
                )
                labels.write(json.dumps({"prediction_id": id_, "y_true": true, "labelled_at": at + 1}) + "\n")
    with Daemon(folder) as daemon:
        until(lambda: labelled(daemon) == 2 * ROWS, "every label is counted")
    return folder


def labelled(daemon):
    report = json.loads(ask(("127.0.0.1", int(daemon.address.rpartition(":")[2])), "/api/v1/report")[2])
    return sum(window["labels"] for window in report["windows"])


@pytest.fixture
def folder(template, tmp_path, monkeypatch):
    """The same once more, and we stand in it. No daemon runs."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    configure(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line):
    """Run a line of the page and return its exit code."""
    assert line in [command.partition("#")[0].strip() for command in COMMANDS], f"{line} does not stand on the page"
    return main(shlex.split(line, comments=True)[1:])


def files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_command_of_the_page_is_run_here():
    shown = {line.partition("#")[0].strip() for line in COMMANDS}
    assert shown == {DRY, RUN, FORCE, VERIFY, ROLLBACK, APPROVE, GATE}


def test_a_dry_run_says_why_and_writes_nothing(folder, capsys):
    before = files(folder)
    assert run(DRY) == 0
    assert "churn 4: " in (said := capsys.readouterr().out)
    assert "reason" in said
    assert files(folder) == before


def test_without_a_trigger_the_command_is_fine_and_says_so(folder, capsys):
    assert run(RUN) == 0
    assert "nothing triggers a run" in capsys.readouterr().out
    assert not (folder / "baselines").exists()


def test_by_hand_the_folds_are_run_promoted_entered_and_taken_back(folder, capsys):
    assert run(FORCE) == 0
    assert "churn 4: promoted" in capsys.readouterr().out
    pointer = json.loads((folder / "baselines/current.json").read_text())
    assert (folder / "baselines" / pointer["churn"]["4"]).exists()
    assert run(VERIFY) == 0
    assert run(ROLLBACK) == 0
    capsys.readouterr()
    assert run(VERIFY) == 0
    assert "whole and in order" in capsys.readouterr().out
    assert run(ROLLBACK) == 2


def test_what_the_gate_rejects_and_what_fails_is_exit_code_one(folder, capsys):
    train(folder, wrong=0.5)
    assert run(FORCE) == 1
    assert "churn 4: rejected" in capsys.readouterr().out
    (folder / "train.parquet").unlink()
    assert run(FORCE) == 1
    assert "churn 4: failed" in capsys.readouterr().out


def test_a_candidate_waits_where_a_person_has_to_approve_it(folder, capsys):
    configure(folder, approval="manual")
    assert run(FORCE) == 0
    assert "waits for approval" in capsys.readouterr().out
    assert not (folder / "baselines/current.json").exists()
    assert run(APPROVE) == 0
    assert "churn 4: promoted" in capsys.readouterr().out
    assert run(APPROVE) == 2


def test_a_ledger_that_was_changed_or_cut_is_found(folder, capsys):
    (folder / "train.parquet").unlink()
    assert run(FORCE) == 1  # its action fails at once: enough to have something entered
    ledger = folder / "state/ledger.jsonl"
    whole = ledger.read_bytes()
    lines = whole.splitlines(keepends=True)
    damaged = [
        b"".join([*lines[:-1], lines[-1].replace(b'"churn"', b'"other"')]),
        b"".join([lines[1], lines[0], *lines[2:]]),
        b"".join([*lines[:1], *lines[2:]]),
        b"".join(lines[:-1]),
    ]
    assert whole not in damaged
    for each in damaged:
        ledger.write_bytes(each)
        assert run(VERIFY) == 1
        assert "ledger.jsonl" in capsys.readouterr().err
    ledger.write_bytes(whole)
    assert run(VERIFY) == 0


@pytest.mark.usefixtures("folder")
def test_a_canary_that_is_as_good_is_exit_code_zero_and_one_that_nobody_knows_is_one(capsys):
    assert run(GATE) == 0
    assert "churn 4: OK" in capsys.readouterr().out
    assert main([*shlex.split(GATE)[1:-1], "5"]) == 1


def test_the_configuration_is_understood_and_check_finds_nothing_wrong(folder, capsys):
    assert main(["check", "--config", "foldwatch.yaml"]) == 0, capsys.readouterr().err
    found = load(folder / "foldwatch.yaml").models["churn"].revalidation
    assert isinstance(found.action, CrossvalAction)
    assert found.action.data.file == folder / "train.parquet"
    assert found.promote_to == folder / "baselines"
    assert (found.unless.cool_down.text, found.gate.max_fold_sd) == ("7d", 0.05)


def tabled(name):
    table = PAGE.partition(f"\n| `{name}` |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize(("name", "kind", "more"), [("when", When, ["--force"]), ("unless", Unless, [])])
def test_every_trigger_and_guard_stands_in_its_table_and_can_be_written_so(name, kind, more, tmp_path):
    rows = tabled(name)
    keys = {row: yaml.safe_load(row) for row in rows if row not in more}
    assert [key for told in keys.values() for key in told] == list(kind.__dataclass_fields__)
    assert [row for row in rows if row in more] == more
    whole = configuration(free_port())
    whole["models"]["churn"]["revalidate"][name] = {key: value for told in keys.values() for key, value in told.items()}
    settings = understand(yaml.safe_dump(whole).encode(), tmp_path / "foldwatch.yaml")
    assert getattr(settings.models["churn"].revalidation, name) != kind()


def test_without_unless_a_day_has_to_lie_between_two_runs(tmp_path):
    whole = configuration(free_port())
    del whole["models"]["churn"]["revalidate"]["unless"]
    settings = understand(yaml.safe_dump(whole).encode(), tmp_path / "foldwatch.yaml")
    assert settings.models["churn"].revalidation.unless.cool_down.text == "1d"
    assert "One day where `unless` is absent" in PAGE


def test_numbers_extras_and_targets_of_the_page_are_those_of_the_project():
    assert KEPT == 20
    assert "The last twenty are kept" in PAGE
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"'foldwatch\[(\w+)\]'", PAGE)) <= set(extras)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([\w-]+)`", PAGE)) == {"demo-revalidate"} <= set(targets)
