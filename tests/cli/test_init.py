import gzip
import json
import random
import re
import time
from datetime import UTC, datetime

import polars as pl
import pytest
import zstandard

from monitor.cli import main
from monitor.clock import DAY, HOUR, format_time
from monitor.config import load
from monitor.sources.decoding.codec import Codec, Kind

START = 1_760_000_000_000


def churn(n=400, *, every=10 * 60_000, delay=(0, 20)):
    """Return predictions and labels of a binary model, in other people's names."""
    dice = random.Random(7)
    predictions, labels = [], []
    for i in range(n):
        leaves = dice.random() < 0.2
        score = min(max(dice.gauss(0.7 if leaves else 0.3, 0.15), 0.0), 1.0)
        at = START + i * every
        predictions.append(
            {
                "requestId": f"r-{i}",
                "timestamp": format_time(at),
                "prediction": "leave" if score > 0.5 else "stay",
                "proba": round(score, 4),
                "geo": {"country": dice.choice(["DE", "FR", "US"])},
            }
        )
        late = at + dice.randint(*delay) * HOUR
        labels.append({"requestId": f"r-{i}", "truth": "leave" if leaves else "stay", "labelled_at": late})
    return predictions, labels


def json_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def logs(tmp_path):
    """Write predictions and labels as JSON Lines and return the options that name them."""

    def written(predictions, labels):
        return (
            *("--predictions", json_lines(tmp_path / "p.jsonl", predictions)),
            *("--labels", json_lines(tmp_path / "l.jsonl", labels)),
        )

    return written


@pytest.fixture
def guessed(tmp_path, capsys):
    """Run `init` into a file, run `check` on it, and return (settings, text)."""

    def run(*argv):
        path = tmp_path / "guessed.yaml"
        assert main(["init", *argv, "--output", str(path)]) == 0
        assert main(["check", "--config", str(path)]) == 0
        said = capsys.readouterr()
        assert f"wrote {path}" in said.err
        return load(path), path.read_text(encoding="utf-8")

    return run


def rejected(settings, kind, path):
    """Return what the codec makes of a log under these settings: (events, dead letters, skipped)."""
    now = START + 1_000 * DAY
    decoded = Codec(settings).decode(kind, path.read_bytes(), now=now, place=str)
    return decoded.read, list(decoded.rejected), dict(decoded.skipped)


def test_two_json_lines_logs_become_a_configuration_that_reads_every_event_of_them(tmp_path, guessed, logs):
    predictions, labels = churn()
    both = logs(predictions, labels)
    settings, text = guessed(*both)
    assert settings.source.kind == "files"
    assert settings.source.predictions.path == tmp_path / "p.jsonl"
    assert settings.source.predictions.fields == {
        "prediction_id": "requestId",
        "predicted_at": "timestamp",
        "y_pred": "prediction",
        "score": "proba",
        "segment": {"geo_country": "geo.country"},
    }
    assert settings.source.labels.fields == {
        "prediction_id": "requestId",
        "labelled_at": "labelled_at",
        "y_true": "truth",
    }
    model = settings.models["model"]
    assert model.classes == ("leave", "stay")
    assert model.classes[model.layout.positive] == "leave"
    assert model.label_horizon.text == "1d"
    assert [o.class_ for o in model.objectives] == ["leave"]
    assert "the mean score is 0." in text
    assert "99% of 400 labels" in text
    for kind, path in ((Kind.PREDICTIONS, tmp_path / "p.jsonl"), (Kind.LABELS, tmp_path / "l.jsonl")):
        assert rejected(settings, kind, path) == (400, [], {})


def flat(rows):
    return pl.DataFrame([{**row, "geo": row["geo"]["country"]} for row in rows])


def write_csv(path, rows):
    flat(rows).write_csv(path)


def write_parquet(path, rows):
    flat(rows).with_columns(pl.col("timestamp").str.to_datetime(time_zone="UTC")).write_parquet(path)


def write_gzip(path, rows):
    path.write_bytes(gzip.compress(flat(rows).write_csv().encode()))


def write_zst(path, rows):
    path.write_bytes(zstandard.compress(flat(rows).write_ndjson().encode()))


def test_what_it_shows_of_alerts_as_comments_is_valid_without_the_comment_signs(tmp_path, guessed, logs, capsys):
    _, text = guessed(*logs(*churn()))
    shown = re.sub(r"^( *)# (?=slo:|alerting:|  [a-z_]+: |- \{)", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / "shown.yaml"
    path.write_text(shown, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name in ("pagerduty.key", "slack.url"):
        (tmp_path / "secrets" / name).write_text("placeholder")
    assert main(["check", "--config", str(path)]) == 0
    said = capsys.readouterr()
    assert ["nothing compared" in line for line in said.err.splitlines()] == [True]
    settings = load(path)
    _, floor = settings.models["model"].objectives
    assert (floor.kind, floor.routing, str(floor.target)) == ("occurrences", "page", "0.95")
    assert settings.alerting.slack_channel == "#ml-alerts"


@pytest.mark.parametrize(
    ("name", "write"),
    [("p.csv", write_csv), ("p.parquet", write_parquet), ("p.csv.gz", write_gzip), ("p.jsonl.zst", write_zst)],
)
def test_every_format_gives_the_same_guesses(tmp_path, guessed, name, write):
    predictions, labels = churn()
    rows = [{**p, "truth": label["truth"]} for p, label in zip(predictions, labels, strict=True)]
    write(tmp_path / name, rows)
    settings, text = guessed("--predictions", str(tmp_path / name))
    fields = settings.source.predictions.fields
    assert (fields["prediction_id"], fields["y_true"], fields["predicted_at"]) == ("requestId", "truth", "timestamp")
    assert settings.models["model"].classes == ("leave", "stay")
    assert settings.models["model"].segments == {"geo": None}
    assert settings.models["model"].label_horizon.text == "0s"
    assert "a label arrives with its prediction" in text


def test_stdout_is_the_default_and_holds_the_configuration_alone(tmp_path, capsys, logs):
    predictions, labels = churn(60)
    both = logs(predictions, labels)
    assert main(["init", *both]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    (tmp_path / "c.yaml").write_text(said.out, encoding="utf-8")
    assert load(tmp_path / "c.yaml").models["model"].classes == ("leave", "stay")


def test_scores_of_many_classes_models_versions_and_segments_are_found_by_their_names(tmp_path, guessed):
    dice = random.Random(1)
    rows = []
    for i in range(300):
        weights = [dice.random() for _ in range(3)]
        total = sum(weights)
        rows.append(
            {
                "id": i,
                "ts": START + i * 1_000,
                "model": ["digits", "letters"][i % 2],
                "model_version": "3.10",
                "predicted": weights.index(max(weights)),
                "scores": {str(k): weights[k] / total for k in range(3)},
                "segment": {"scanner": dice.choice(["old", "new"])},
                "label": dice.randrange(3),
            }
        )
    settings, text = guessed("--predictions", json_lines(tmp_path / "p.jsonl", rows))
    assert sorted(settings.models) == ["digits", "letters"]
    assert settings.models["digits"].classes == ("0", "1", "2")
    assert settings.models["digits"].segments == {"scanner": None}
    assert settings.source.predictions.fields["scores"] == {str(k): f"scores.{k}" for k in range(3)}
    assert settings.source.predictions.fields["version"] == "model_version"
    assert settings.source.default_version is None
    assert "macro_recall" in text
    decoded = Codec(settings).decode(
        Kind.LABELLED_PREDICTIONS, (tmp_path / "p.jsonl").read_bytes(), now=START + DAY, place=str
    )
    assert (decoded.read, list(decoded.rejected)) == (300, [])


def test_without_y_pred_the_score_s_class_is_predicted_by_a_threshold(tmp_path, guessed, logs):
    predictions, labels = churn(100)
    for row in predictions:
        del row["prediction"]
    both = logs(predictions, labels)
    settings, _ = guessed(*both)
    model = settings.models["model"]
    assert (model.threshold, model.classes[model.layout.positive]) == (0.5, "leave")
    assert rejected(settings, Kind.PREDICTIONS, tmp_path / "p.jsonl") == (100, [], {})


def test_without_scores_the_rarer_class_is_positive(tmp_path, guessed):
    rows = [{"id": f"a{i}", "at": START + i, "pred": i % 5 == 0, "y_true": i % 4 == 0} for i in range(100)]
    settings, text = guessed("--predictions", json_lines(tmp_path / "p.jsonl", rows))
    model = settings.models["model"]
    assert model.classes == ("false", "true")
    assert model.classes[model.layout.positive] == "true"
    assert "the rarer one: 25.0% of the sample" in text


def test_windows_and_horizon_follow_the_traffic_and_the_delays(guessed, logs):
    predictions, labels = churn(100, every=6 * HOUR, delay=(-48, 24 * 40))
    both = logs(predictions, labels)
    settings, text = guessed(*both)
    model = settings.models["model"]
    assert [window.text for window in model.windows] == ["7d", "30d"]
    assert model.label_horizon.text == "60d"
    assert model.label_first_wait.text == "2d"
    assert "about 4 predictions a day" in text


def test_names_and_texts_that_yaml_would_misread_survive(tmp_path, guessed):
    odd = ['no: "x" #', "caf\u00e9 \U0001f600\u0085\u2028", "null", "- a", "1_0"]
    rows = [
        {"id": f"a{i}", "at": START + i, "y pred": odd[i % 5], "label": odd[(i + i // 9) % 5], "seg: #\t": "ab"[i % 2]}
        for i in range(100)
    ]
    settings, _ = guessed("--predictions", json_lines(tmp_path / "p.jsonl", rows))
    assert set(settings.models["model"].classes) == set(odd)
    assert settings.source.predictions.fields["y_pred"] == "y pred"
    assert settings.models["model"].segments == {"seg: #\t": None}


def test_a_file_that_is_there_is_overwritten_by_force_alone(tmp_path, capsys, logs):
    predictions, labels = churn(60)
    both = logs(predictions, labels)
    output = tmp_path / "c.yaml"
    output.write_text("mine", encoding="utf-8")
    argv = ["init", *both, "--output", str(output)]
    assert main(argv) == 2
    assert capsys.readouterr().err == f"{output}: is there already; name another file, or add --force to overwrite it\n"
    assert output.read_text(encoding="utf-8") == "mine"
    assert main([*argv, "--force"]) == 0
    assert load(output).models


HEADER = "id,ts,y_pred,y_true\n"
ROWS = "".join(f"r{i},{START + i},a,{'ab'[i % 2]}\n" for i in range(50))


@pytest.mark.parametrize(
    ("name", "content", "finding", "remedy"),
    [
        ("p.csv", "a,b,c\n1,2,3\n4,5,6\n", "columns found: `a`, `b`, `c`", "`predicted_at`"),
        ("p.csv", (HEADER + ROWS).replace("y_true", "zzz"), "no column fits `y_true`", "--labels"),
        ("p.csv", (HEADER + ROWS).replace("id,ts", "zz,ts").replace("r", "r,"), "cells", "commas"),
        ("p.csv", (HEADER + ROWS).replace("y_pred", "zzz"), "no column fits `y_pred`", "`y_hat`"),
        ("p.csv", "id,ts,y_pred,y_true\na,1760000000,x,y\nb,1760000001,y,x\n", "epoch seconds", "milliseconds"),
        ("p.csv", HEADER + ROWS.replace(",b\n", ",a\n"), "only one class was found, `a`", "take a longer log"),
        ("p.csv", "", "is empty", "name a log with events"),
        ("p.csv", HEADER, "holds no event (CSV)", "header and one event a line"),
        ("p.csv", (HEADER + ROWS).encode("utf-16"), "UTF-16", "UTF-8"),
        ("p.csv", (HEADER + ROWS).replace("r7", "r7,").encode(), "has 5 cells", "commas"),
        ("p.jsonl", "not json\n[1]\n3\n", "holds no event (JSON Lines)", "one JSON object a line"),
        ("p.csv.gz", gzip.compress((HEADER + ROWS).encode())[:-30], "gz", "write the file again"),
        ("p.csv.zst", zstandard.compress((HEADER + ROWS).encode())[:-30], "zst", "write the file again"),
        ("p.parquet", b"PAR1 cut", "Parquet", "again"),
        ("p.parquet", "id,ts\n", "no Parquet", ".csv"),
    ],
)  # fmt: skip
def test_a_log_that_fits_nothing_says_what_is_missing(tmp_path, capsys, name, content, finding, remedy):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    begun = time.monotonic()
    assert main(["init", "--predictions", str(path)]) == 2
    assert time.monotonic() - begun < 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert all(line.startswith(str(path)) and "; " in line for line in said.err.splitlines())
    assert finding in said.err
    assert remedy in said.err


@pytest.mark.parametrize(
    ("argv", "finding"),
    [
        (["--predictions", "{}/none.csv"], "there is no such file"),
        (["--predictions", "{}/*.parquet"], "no file matches this glob"),
        (["--predictions", "{}"], "is a directory without a log in it"),
        (["--predictions", "{}/p.csv", "--output", "{}/no/c.yaml"], "there is no directory"),
        (["--predictions", "{}/p.csv", "--output", "{}"], "is a directory"),
        (["--predictions", "{}/p.csv", "--output", "/proc/c.yaml"], "/proc/c.yaml"),
    ],
)
def test_paths_that_lead_nowhere_are_said_to_do_so(tmp_path, capsys, argv, finding):
    if "{}/p.csv" in argv:
        (tmp_path / "p.csv").write_text(HEADER + ROWS, encoding="utf-8")
    assert main(["init", *(word.format(tmp_path) for word in argv)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert finding in line
    assert "; " in line


def test_a_typed_time_is_a_time(tmp_path, guessed):
    at = [datetime.fromtimestamp(START / 1_000 + i, UTC) for i in range(50)]
    frame = pl.DataFrame(
        {"key": [f"k{i}" for i in range(50)], "when it was": at, "yhat": ["a", "b"] * 25, "y": ["a"] * 50}
    )
    frame.write_parquet(tmp_path / "p.parquet")
    settings, text = guessed("--predictions", str(tmp_path / "p.parquet"))
    assert settings.source.predictions.fields["predicted_at"] == "when it was"
    assert "it holds times" in text


def test_what_init_writes_replays_the_logs_without_another_word(tmp_path, logs, capsys):
    both = logs(*churn())
    config = tmp_path / "c.yaml"
    assert main(["init", *both, "--output", str(config)]) == 0
    assert main(["backtest", "--config", str(config), *both, "--json", str(tmp_path / "out.json")]) == 0
    assert "Traceback" not in capsys.readouterr().err
    events = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["events"]
    assert (events["predictions"], events["matched"], events["labels"], events["dead_letters"]) == (400, 400, 400, {})
