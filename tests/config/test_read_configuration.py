import hashlib
from pathlib import Path

import pytest

from monitor.clock import DAY, HOUR
from monitor.config import Duration, load, require_source
from monitor.counts import Layout
from monitor.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        return load(tmp_path / "c.yaml")

    return written


def test_a_model_needs_no_more_than_its_classes(read):
    settings = read("models: {m: {classes: [a, b]}}")
    model = settings.models["m"]
    assert (model.name, model.classes, model.layout) == ("m", ("a", "b"), Layout(2, positive=1))
    assert model.windows == (Duration(DAY, "24h"), Duration(7 * DAY, "7d"))
    assert model.label_horizon == Duration(7 * DAY, "7d")
    assert model.correction_window == Duration(14 * DAY, "14d")
    assert model.label_first_wait == Duration(DAY, "1d")
    assert (model.margin, model.threshold, model.objectives, model.owner) == (0.03, None, (), "")
    assert settings.source.kind is None
    assert settings.server.listen == ("127.0.0.1", 9464)
    assert settings.evaluate_every == Duration(60_000, "60s")
    assert settings.export.metrics == ("recall", "precision", "f1", "accuracy")


def test_classes_versions_segment_values_and_defaults_are_texts_as_written(read):
    settings = read(
        "source: {defaults: {model: 1_0, version: 3.10}}\n"
        "models:\n  1_0:\n"
        '    classes: [no, on, 1_0, 3.10, null, ~, "yes"]\n'
        "    baseline: {3.10: b.json}\n"
        "    segments: {off: [no, 0x1F]}\n"
    )
    model = settings.models["1_0"]
    assert model.classes == ("no", "on", "1_0", "3.10", "null", "~", "yes")
    assert list(model.baseline) == ["3.10"]
    assert model.segments == {"off": ("no", "0x1F")}
    assert (settings.source.default_model, settings.source.default_version) == ("1_0", "3.10")


def test_classes_are_shown_as_written_and_compared_under_the_class_text_rule(read):
    model = read(
        "models: {m: {classes: [1.0, 0], positive: 1, objectives: [{name: o, metric: recall, class: 1, window: 24h}]}}"
    ).models["m"]
    assert model.classes == ("1.0", "0")
    assert model.layout.positive == 0
    assert model.objectives[0].class_ == "1.0"


def test_durations_are_kept_as_they_were_written_and_an_objective_takes_its_window_s_text(read):
    model = read(
        "models: {m: {classes: [a, b], windows: [60m, 24h], label_horizon: 48h, "
        "objectives: [{name: o, metric: accuracy, window: 1d}]}}"
    ).models["m"]
    assert [window.text for window in model.windows] == ["60m", "24h"]
    assert model.label_horizon.text == "48h"
    assert model.objectives[0].window == "24h"
    assert model.correction_window == Duration(72 * HOUR, "3d")


def test_a_correction_window_of_exactly_the_horizon_is_fine(read):
    model = read("models: {m: {classes: [a, b], label_horizon: 0s, correction_window: 0s}}").models["m"]
    assert model.correction_window.millis == 0


def test_paths_are_relative_to_the_configuration(read, tmp_path):
    settings = read(
        "source: {kind: files, predictions: {path: logs/p.jsonl}, labels: {path: /var/l.jsonl}, "
        "dead_letters: {path: d.jsonl}}\n"
        "models: {m: {classes: [a, b], baseline: {1: b/m.json}}}"
    )
    assert settings.source.predictions.path == tmp_path / "logs/p.jsonl"
    assert settings.source.labels.path == Path("/var/l.jsonl")
    assert settings.source.dead_letters.path == tmp_path / "d.jsonl"
    assert settings.models["m"].baseline == {"1": tmp_path / "b/m.json"}
    require_source(settings)


def test_flat_names_of_fields_are_put_below_scores_and_segment(read):
    settings = read(
        "source: {predictions: {fields: {prediction_id: meta.id, score_b: p1, segment_region: geo, "
        "y_true: truth, labelled_at: t}}}\n"
        "models: {m: {classes: [a, b]}}"
    )
    assert settings.source.predictions.fields == {
        "prediction_id": "meta.id",
        "scores": {"b": "p1"},
        "segment": {"region": "geo"},
        "y_true": "truth",
        "labelled_at": "t",
    }


def test_segments_are_names_or_names_with_fixed_values(read):
    models = read(
        "models:\n  a: {classes: [x, y], segments: [region, plan]}\n"
        "  b: {classes: [x, y], segments: {region: [eu], plan: null, dev: }}"
    ).models
    assert models["a"].segments == {"region": None, "plan": None}
    assert models["b"].segments == {"region": ("eu",), "plan": None, "dev": None}


def test_sections_without_a_value_are_empty_and_not_wrong(read):
    settings = read("source:\nserver:\nexport:\nmodels: {m: {classes: [a, b], segments: , objectives: , baseline: }}")
    assert settings.models["m"].segments == {}


def test_the_hash_is_that_of_the_file_s_bytes(read, tmp_path):
    settings = read("models: {m: {classes: [a, b]}}  # with a comment\n")
    assert settings.sha256 == hashlib.sha256((tmp_path / "c.yaml").read_bytes()).hexdigest()
    assert settings.path == tmp_path / "c.yaml"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfmodels:\r\n  m:\r\n    classes: [a, b]\r\n")
    assert load(tmp_path / "c.yaml").models["m"].classes == ("a", "b")


def test_json_is_fine_too(read):
    assert read('{"models": {"m": {"classes": ["a", "b"], "margin": 0.05}}}').models["m"].margin == 0.05


@pytest.mark.parametrize(("written", "understood"), [("0.0.0.0:80", ("0.0.0.0", 80)), ("'[::1]:0'", ("::1", 0))])  # noqa: S104 - an address to read, not to bind
def test_listen_is_host_and_port(read, written, understood):
    assert (
        read(f"server: {{listen: {written}, insecure: true}}\nmodels: {{m: {{classes: [a, b]}}}}").server.listen
        == understood
    )


def test_two_classes_may_have_whole_model_ranking_objectives_and_losses_have_their_own_margin(read):
    model = read(
        "models:\n  m:\n    classes: [a, b]\n    threshold: 0.5\n    objectives:\n"
        "      - {name: auc, metric: roc_auc, window: 24h}\n"
        "      - {name: auc-a, metric: roc_auc, class: a, window: 24h}\n"
        "      - {name: loss, metric: log_loss, window: 24h, margin: 1.5}\n"
        "      - {name: other, metric: accuracy, window: 24h, segment: region=(other), target: 0.9}\n"
        "    segments: {region: [eu]}"
    ).models["m"]
    assert [(o.name, o.class_, o.margin, o.segment) for o in model.objectives] == [
        ("auc", None, None, None),
        ("auc-a", "a", None, None),
        ("loss", None, 1.5, None),
        ("other", None, None, "region=(other)"),
    ]
    assert model.threshold == 0.5


def test_what_only_run_needs_is_demanded_by_run_alone(read):
    settings = read("models: {m: {classes: [a, b]}}")
    with pytest.raises(InputError) as failed:
        require_source(settings)
    assert [problem.place.rpartition(": ")[2] for problem in failed.value.problems] == [
        "source.kind",
        "source.predictions.path",
        "source.labels.path",
    ]
    assert all(problem.remedy for problem in failed.value.problems)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(example):
    assert load(example).models
