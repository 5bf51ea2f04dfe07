"""`dead-letters list | replay` on files: what a person sees, and what comes back."""

from __future__ import annotations

import json
import time

import pytest

from monitor.cli import main
from monitor.config import load
from monitor.sources.dead_letters.file import DeadLetterFile
from monitor.sources.source import Rejected

CONFIG = """
source:
  kind: files
  predictions: {path: predictions.jsonl}
  labels: {path: labels.jsonl}
  dead_letters: {path: dead.jsonl}
  defaults: {model: churn, version: "3"}
models:
  churn: {classes: [stay, leave], positive: leave, windows: [1h], label_horizon: 0s, correction_window: 1d}
"""
AT = 1_780_272_000_000  # 2026-06-01T00:00:00Z


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a configuration, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "foldwatch.yaml").write_text(CONFIG)
    return tmp_path


def bury(*letters):
    """Write (reason, detail, place, original, at) each."""
    file = DeadLetterFile(load("foldwatch.yaml").source.dead_letters.path)
    for reason, detail, place, original, at in letters:
        file.write([Rejected(reason, detail, place, original)], at)
    file.close()


def dead_letters(capsys, *words):
    code = main(["dead-letters", *words, "--config", "foldwatch.yaml"])
    said = capsys.readouterr()
    return code, said.out, said.err


def prediction(n, at=None):
    at = int(time.time() * 1000) - 60_000 if at is None else at
    return json.dumps({"prediction_id": f"p{n}", "predicted_at": at, "y_pred": "stay"}).encode()


LETTERS = [
    ("missing field", "no prediction_id", "predictions.jsonl:1", b'{"id": 1}', AT),
    (
        "missing field",
        "no prediction_id",
        "predictions.jsonl:2",
        b'{"id": 2, "more": "' + b"x" * 200 + b'"}',
        AT + 1000,
    ),
    ("not UTF-8", "the line is not UTF-8", "labels.jsonl:7", b"\xff\x00 abc", AT + 3000),
    ("missing field", "no prediction_id", "predictions.jsonl:1", b'{"id": 1}', AT + 9000),
    ("not JSON", "JSON is malformed", "predictions.jsonl:3", b"\x1b[31m\tred \xe2\x80\xae\xf0\x9f\x90\x9f", AT + 2000),
]


@pytest.mark.usefixtures("folder")
def test_the_list_is_by_reason_newest_first_with_a_sample_that_harms_no_terminal(capsys):
    bury(*LETTERS)
    code, out, err = dead_letters(capsys, "list")
    assert (code, err) == (0, "")
    cut = '{"id": 2, "more": "' + "x" * 200
    assert out.splitlines() == [
        "4 dead letters in dead.jsonl",
        "",
        "reason           letters  newest                    oldest",
        "not UTF-8              1  2026-06-01T00:00:03Z      2026-06-01T00:00:03Z",
        "not JSON               1  2026-06-01T00:00:02Z      2026-06-01T00:00:02Z",
        "missing field          2  2026-06-01T00:00:01Z      2026-06-01T00:00:00Z",
        "",
        "not UTF-8, the newest",
        "  2026-06-01T00:00:03Z  labels.jsonl:7  the line is not UTF-8",
        "    hex ff 00 20 61 62 63",
        "",
        "not JSON, the newest",
        "  2026-06-01T00:00:02Z  predictions.jsonl:3  JSON is malformed",
        r"    \x1b[31m\tred \u202e🐟",
        "",
        "missing field, the newest",
        "  2026-06-01T00:00:01Z  predictions.jsonl:2  no prediction_id",
        f"    [221 bytes] {cut}"[:99] + "…",
        "  2026-06-01T00:00:00Z  predictions.jsonl:1  no prediction_id",
        '    {"id": 1}',
    ]


@pytest.mark.usefixtures("folder")
def test_the_list_can_be_narrowed(capsys):
    bury(*LETTERS)
    _, out, _ = dead_letters(capsys, "list", "--reason", "missing field", "--reason", "not JSON", "--limit", "1")
    assert out.startswith("3 dead letters of reason missing field or not JSON in dead.jsonl\n")
    assert "missing field, the newest of 2\n" in out
    assert "predictions.jsonl:1" not in out
    _, out, _ = dead_letters(capsys, "list", "--since", "2026-06-01T00:00:02Z", "--limit", "0")
    assert [line.split("  ")[0] for line in out.splitlines()[2:]] == ["reason", "not UTF-8", "not JSON"]
    _, out, _ = dead_letters(capsys, "list", "--reason", "bad id", "--since", "2026-06-01T00:00:00Z")
    assert out == "no dead letters of reason bad id since 2026-06-01T00:00:00Z in dead.jsonl\n"


@pytest.mark.parametrize("where", ["-", "out.json"])
def test_the_list_as_json_holds_letters_as_they_are_kept(folder, capsys, where):
    bury(*LETTERS)
    code, out, _ = dead_letters(capsys, "list", "--json", where)
    assert code == 0
    if where != "-":
        assert out == ""
        out = (folder / where).read_text()
    found = json.loads(out)
    assert (found["schema"], found["place"], found["letters"]) == ("foldwatch/dead-letters/1", "dead.jsonl", 4)
    assert [(each["reason"], each["letters"], each["newest"]) for each in found["reasons"]] == [
        ("not UTF-8", 1, "2026-06-01T00:00:03Z"),
        ("not JSON", 1, "2026-06-01T00:00:02Z"),
        ("missing field", 2, "2026-06-01T00:00:01Z"),
    ]
    kept = [json.loads(line) for line in (folder / "dead.jsonl").read_text().splitlines()]
    assert found["reasons"][0]["sample"] == [kept[2]]
    assert found["reasons"][2]["sample"] == [kept[1], kept[0]]


@pytest.mark.usefixtures("folder")
def test_no_dead_letters_at_all_is_said_and_fine(capsys):
    bury()
    assert dead_letters(capsys, "list") == (0, "no dead letters in dead.jsonl\n", "")
    assert dead_letters(capsys, "replay") == (0, "no dead letters to replay in dead.jsonl\n", "")


@pytest.mark.parametrize("command", ["list", "replay"])
@pytest.mark.parametrize(
    ("words", "config", "said"),
    [
        ([], CONFIG, "dead.jsonl: there is no such file of dead letters; `foldwatch run` makes it"),
        ([], CONFIG.replace("  dead_letters: {path: dead.jsonl}\n", ""), "source.dead_letters.path: is missing"),
        ([], CONFIG[CONFIG.index("models:") :], "source.kind: is missing"),
        (["--reason", "ugly"], CONFIG, "--reason: `ugly` is no reason; write one of: not JSON, "),
        (["--since", "soon"], CONFIG, "--since: `soon` is no time"),
        (["--config", "other.yaml"], CONFIG, "other.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_read_is_named_and_exits_with_2(folder, capsys, command, words, config, said):
    (folder / "foldwatch.yaml").write_text(config)
    code = main(["dead-letters", command, "--config", "foldwatch.yaml", *words])
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    assert said in shown.err
    assert not (folder / "dead.jsonl").exists()


def test_a_replay_sends_back_what_is_valid_now_and_says_what_is_left(folder, capsys):
    old = int(time.time() * 1000) - 3 * 86_400_000
    bury(
        ("missing field", "no id", "predictions.jsonl:1", prediction(1), AT),
        ("missing field", "no id", "predictions.jsonl:2", prediction(2, old), AT),
        ("bad id", "no id", "predictions.jsonl:3", prediction(3), AT + 1),
        ("not JSON", "malformed", "labels.jsonl:1", b"\x1bnonsense", AT),
        ("not JSON", "malformed", "labels.jsonl:2", b"more of it", AT),
        ("not JSON", "malformed", "gone.jsonl:2", prediction(4), AT),
    )
    (folder / "predictions.jsonl").write_bytes(b"")
    said = [
        "6 dead letters in dead.jsonl",
        "would be replayed: 3",
        "  3 to predictions.jsonl",
        "  1 so old that the daemon may have to skip them, which it counts as `too old`",
        "left where they are: 3",
        "  2 still invalid: not JSON; the first: labels.jsonl:1, JSON is malformed: invalid character (byte 0)",
        "  1 of another source; the first: gone.jsonl:2, the configuration does not name where it came from",
    ]
    assert dead_letters(capsys, "replay", "--dry-run") == (0, "\n".join([*said, ""]), "")
    assert (folder / "predictions.jsonl").read_bytes() == b""
    said[1] = "replayed: 3"
    said.append("the daemon reads them like any other event; what it knew already counts as duplicate or repeated")
    assert dead_letters(capsys, "replay") == (0, "\n".join([*said, ""]), "")
    lines = (folder / "predictions.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["prediction_id"] for line in lines] == ["p1", "p2", "p3"]
    code, out, _ = dead_letters(capsys, "replay", "--reason", "bad id", "--since", "2026-06-01T00:00:00.001Z")
    assert (code, out.splitlines()[:3]) == (
        0,
        ["1 dead letter in dead.jsonl", "replayed: 1", "  1 to predictions.jsonl"],
    )
    assert len((folder / "predictions.jsonl").read_bytes().splitlines()) == 4


def test_a_replay_into_a_file_that_cannot_be_written_is_named(folder, capsys):
    bury(("missing field", "no id", "predictions.jsonl:1", prediction(1), AT))
    (folder / "predictions.jsonl").mkdir()
    code, out, err = dead_letters(capsys, "replay")
    assert (code, out) == (2, "")
    assert "predictions.jsonl: cannot be read or written (Is a directory)" in err


@pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")  # kafka-python's own files
@pytest.mark.parametrize("action", ["list", "replay"])
def test_a_broker_that_is_away_is_named_and_exits_with_2(folder, capsys, action):
    source = CONFIG.replace("kind: files", 'kind: kafka\n  bootstrap_servers: ["127.0.0.1:9"]')
    (folder / "foldwatch.yaml").write_text(source.replace("path:", "topic:"))
    code, out, err = dead_letters(capsys, action)
    assert (code, out) == (2, "")
    assert "127.0.0.1:9: connection refused; start the broker" in err
    assert "tried again" not in err


@pytest.mark.parametrize("action", ["list", "replay"])
def test_the_help_of_both_shows_an_example(capsys, action):
    assert main(["dead-letters", action, "--help"]) == 0
    assert f"  foldwatch dead-letters {action} " in capsys.readouterr().out


def test_a_count_that_is_none_is_refused(capsys):
    assert main(["dead-letters", "list", "--config", "c", "--limit", "-1"]) == 2
    assert "is no count: write a whole number from 0" in capsys.readouterr().err
