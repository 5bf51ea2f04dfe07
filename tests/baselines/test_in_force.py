import numpy as np
import pytest

from monitor.baselines.file import sealed, write
from monitor.baselines.in_force import load_baselines
from monitor.config import load
from monitor.counts import Layout, tally_labelled
from monitor.errors import InputError
from monitor.statistics.baseline import Baseline, Fold

CLASSES = ("stay", "leave")


def stored(path, model, version):
    """Write a baseline of two scored folds and return it."""
    dice = np.random.default_rng(3)
    layout = Layout(2, positive=1)
    folds = []
    for name in ("0", "1"):
        y_true, y_pred = dice.integers(0, 2, 200), dice.integers(0, 2, 200)
        one, zero = np.ones(200, np.int64), np.zeros(200, np.int64)
        (counts,) = tally_labelled(layout, y_true, y_pred, dice.random((200, 1)), one, zero, 1, by_class=True)
        folds.append(Fold(name, 0, 200, counts))
    baseline = sealed(Baseline(model, version, CLASSES, layout, "plain", tuple(folds), ""))
    write(baseline, path)
    return baseline


@pytest.fixture
def configured(tmp_path):
    """Return the settings of two models, the second with the classes turned round."""
    (tmp_path / "c.yaml").write_text(
        "models:\n"
        '  a: {classes: [stay, leave], baseline: {"1": a-1.json, "2": a-2.json}}\n'
        '  b: {classes: [leave, stay], positive: leave, baseline: {"1": b-1.json}}\n',
        encoding="utf-8",
    )
    return load(tmp_path / "c.yaml")


def test_every_baseline_is_found_under_its_model_and_version(tmp_path, configured):
    written = {(m, v): stored(tmp_path / f"{m}-{v}.json", m, v) for m, v in (("a", "1"), ("a", "2"), ("b", "1"))}
    found = load_baselines(configured)
    assert list(found) == [("a", "1"), ("a", "2"), ("b", "1")]
    assert found["a", "1"] == written["a", "1"]


def test_classes_stand_as_the_configuration_orders_them_and_the_identity_stays(tmp_path, configured):
    for m, v in (("a", "1"), ("a", "2")):
        stored(tmp_path / f"{m}-{v}.json", m, v)
    ours = stored(tmp_path / "b-1.json", "b", "1")
    found = load_baselines(configured)["b", "1"]
    assert (found.classes, found.layout, found.content_hash) == (("leave", "stay"), Layout(2, 0), ours.content_hash)
    for turned, fold in zip(found.folds, ours.folds, strict=True):
        assert turned.counts.plane("confusion").tolist() == fold.counts.plane("confusion")[::-1, ::-1].tolist()
        assert turned.counts.plane("scores").tolist() == fold.counts.plane("scores").tolist()


def test_all_that_do_not_fit_are_named_at_once_with_their_keys(tmp_path, configured):
    stored(tmp_path / "a-1.json", "a", "2")
    (tmp_path / "a-2.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError) as failed:
        load_baselines(configured)
    keys = [problem.place.rpartition(": ")[2] for problem in failed.value.problems]
    assert keys == ["models.a.baseline.1", "models.a.baseline.2", "models.b.baseline.1"]
    assert all(problem.remedy for problem in failed.value.problems)
