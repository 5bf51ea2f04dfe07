"""Cross-validation against scikit-learn itself, on its own data sets."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from monitor.baselines import crossval, fingerprints
from monitor.baselines.classes import natural_order
from monitor.baselines.crossval import Plan
from monitor.baselines.fitting import Split, Work, seeded, validate_fold
from monitor.baselines.measures import fold_values
from monitor.counts import Counts, Layout
from monitor.errors import InputError

X, Y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NAMES = np.array(["stay", "leave"])[Y]
GROUPS = np.arange(len(Y)) // 5


@pytest.fixture(scope="module")
def cancer():
    plan = Plan("churn", "3", "stratified", 5, 1, 7, "leave")
    return crossval.run(X[:, :5], NAMES, partial(LogisticRegression, C=0.1), plan, jobs=2)


@pytest.fixture(scope="module")
def out_of_fold():
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    model = LogisticRegression(C=0.1)
    return tuple(
        cross_val_predict(model, X[:, :5], NAMES, cv=folds, method=how) for how in ("predict", "predict_proba")
    )


def pooled(baseline):
    return Counts.sum(baseline.layout, [fold.counts for fold in baseline.folds])


@pytest.mark.parametrize(
    ("scheme", "theirs"),
    [
        ("stratified", StratifiedKFold(4, shuffle=True, random_state=3)),
        ("nested", StratifiedKFold(4, shuffle=True, random_state=3)),
        ("plain", KFold(4, shuffle=True, random_state=3)),
        ("group", GroupKFold(4, shuffle=True, random_state=3)),
        ("stratified-group", StratifiedGroupKFold(4, shuffle=True, random_state=3)),
        ("time-series", TimeSeriesSplit(4)),
        ("repeated-stratified", RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=3)),
    ],
)
def test_every_scheme_splits_as_scikit_learn_does(scheme, theirs):
    repeats = 3 if scheme == "repeated-stratified" else 1
    ours = crossval.split(Plan("m", "1", scheme, 4, repeats, 3), Y, GROUPS, "y")
    expected = list(theirs.split(X, Y, GROUPS if "group" in scheme else None))
    assert [(fold.repeat, fold.fold) for fold in ours] == [(r, str(k)) for r in range(repeats) for k in range(4)]
    for fold, (train, validation) in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.validation, validation)


def test_the_confusion_is_that_of_scikit_learns_cross_val_predict(cancer, out_of_fold):
    predicted, _ = out_of_fold
    assert cancer.baseline.classes == ("leave", "stay")
    np.testing.assert_array_equal(
        pooled(cancer.baseline).plane("confusion"), confusion_matrix(NAMES, predicted, labels=["leave", "stay"])
    )


def test_scores_and_losses_are_those_of_scikit_learn(cancer, out_of_fold):
    _, proba = out_of_fold  # columns: leave, stay
    found = fold_values(cancer.baseline.layout, [pooled(cancer.baseline)])
    assert found["log_loss"][0] == pytest.approx(log_loss(NAMES, proba, labels=["leave", "stay"]), abs=1e-6)
    assert found["brier"][0] == pytest.approx(brier_score_loss(NAMES == "leave", proba[:, 0]), abs=1e-6)
    assert found["roc_auc"][0] == pytest.approx([roc_auc_score(NAMES == "leave", proba[:, 0])] * 2, abs=1e-4)


def test_training_rows_are_scored_too(cancer):
    for fold in cancer.baseline.folds:
        assert fold.train.labels == fold.n_train
        assert fold.train.labels + fold.counts.labels == len(Y)


def test_every_fold_is_measured_in_a_child_of_its_own(cancer):
    assert [timing.fold for timing in cancer.timings.folds] == ["0", "1", "2", "3", "4"]
    assert all(0 < timing.cpu_seconds < 60 for timing in cancer.timings.folds)
    assert all(2**20 < timing.peak_memory < 2**33 for timing in cancer.timings.folds)
    assert cancer.timings.wall_seconds > 0


def test_the_assignment_names_the_fold_of_every_row(cancer):
    lines = cancer.assignment.splitlines()
    assert lines[0] == "repeat,fold,row"
    rows = np.array([line.split(",") for line in lines[1:]], int)
    for at, (_, validation) in enumerate(StratifiedKFold(5, shuffle=True, random_state=7).split(X, NAMES)):
        np.testing.assert_array_equal(rows[rows[:, 1] == at, 2], validation)
    about = cancer.baseline.about["fold_assignment"]
    assert about == {"sha256": fingerprints.of_text(cancer.assignment), "rows": len(Y)}


def test_the_same_seed_gives_the_same_baseline_for_any_number_of_jobs(cancer):
    plan = Plan("churn", "3", "stratified", 5, 1, 7, "leave")
    alone = crossval.run(X[:, :5], NAMES, partial(LogisticRegression, C=0.1), plan, jobs=1)
    assert alone.baseline == cancer.baseline
    assert alone.assignment == cancer.assignment


def in_this_process(x, y, factory, scheme="stratified"):
    """Validate two folds without children."""
    classes = natural_order(str(name) for name in np.unique(y))
    splits = crossval.split(Plan("m", "1", scheme, 2, 1, 1), y, None, "y")
    layout = Layout(len(classes))
    work = Work(x, y, y.astype(np.int64), classes, layout, splits, factory, 1)
    return Counts.sum(layout, [validate_fold(work, at).validation for at in range(2)])


def test_ten_classes_keep_the_scores_of_every_true_class():
    x, y = load_digits(return_X_y=True)
    x, y = x[:500] / 16, y[:500]
    counts = in_this_process(x, y, LogisticRegression)
    by_class = counts.plane("scores_by_class")
    assert by_class.sum(axis=2).tolist() == [np.bincount(y).tolist()] * 10  # (scored class, true class)
    folds = StratifiedKFold(2, shuffle=True, random_state=1)
    proba = cross_val_predict(LogisticRegression(), x, y, cv=folds, method="predict_proba")
    found = fold_values(counts.layout, [counts])
    assert found["roc_auc"][0] == pytest.approx([roc_auc_score(y == k, proba[:, k]) for k in range(10)], abs=5e-4)
    assert found["brier"][0] == pytest.approx(((proba - np.eye(10)[y]) ** 2).sum(axis=1).mean(), abs=1e-6)


def test_nested_validates_the_search_as_a_whole():
    search = partial(GridSearchCV, DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2)
    counts = in_this_process(X[:80], Y[:80], search, "nested")
    folds = StratifiedKFold(2, shuffle=True, random_state=1)
    theirs = GridSearchCV(DecisionTreeClassifier(random_state=1), {"max_depth": [1, 2]}, cv=2)
    expected = confusion_matrix(Y[:80], cross_val_predict(theirs, X[:80], Y[:80], cv=folds))
    np.testing.assert_array_equal(counts.plane("confusion"), expected)


def test_an_estimator_that_raises_in_one_fold_is_told_with_the_fold():
    def make():
        class Picky(DecisionTreeClassifier):
            def fit(self, x, y):
                if 0.0 in x[:, 0]:  # row 0 is a training row of every fold but one
                    return super().fit(x, y)
                message = "no row 0\nand more"
                raise RuntimeError(message)

        return Picky()

    plan = Plan("m", "1", "stratified", 3)
    rows = np.arange(60.0)[:, None]
    alone = next(fold.fold for fold in crossval.split(plan, np.arange(60) % 2, None, "y") if 0 in fold.validation)
    with pytest.raises(InputError) as refused:
        crossval.run(rows, np.arange(60) % 2, make, plan, jobs=2, estimator="--estimator m:make")
    (problem,) = refused.value.problems
    assert problem.place == "--estimator m:make"
    assert problem.finding.startswith("raised RuntimeError: no row 0 (test_crossval.py:")
    assert problem.finding.endswith(f"in fold {alone}")


def work(factory, classes=("0", "1"), y=Y):
    rows = np.arange(len(y))
    fold = Split("0", 0, rows[::2], rows[1::2])
    return Work(X[: len(y)], y, y, classes, Layout(len(classes)), (fold,), factory, 5)


def test_an_estimator_without_probabilities_has_a_confusion_and_no_scores():
    scored = validate_fold(work(lambda: SVC(kernel="linear")), 0)
    assert scored.validation.labels == len(Y[1::2])
    assert not scored.validation.plane("scores").any()
    assert not scored.train.plane("losses").any()


def test_columns_of_probabilities_follow_the_estimators_own_classes():
    class Backwards(LogisticRegression):
        def fit(self, x, y):
            super().fit(x, y)
            self.turned_, self.classes_ = True, self.classes_[::-1]
            return self

        def predict(self, x):
            return self.classes_[self.predict_proba(x).argmax(axis=1)]

        def predict_proba(self, x):
            order = self.classes_
            self.classes_ = np.sort(order)
            proba = super().predict_proba(x)[:, ::-1]
            self.classes_ = order
            return proba

    forwards = validate_fold(work(LogisticRegression), 0)
    assert validate_fold(work(Backwards), 0).validation == forwards.validation


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda p: p * np.nan, "not finite"),
        (lambda p: p - 0.5, "no probabilities"),
        (lambda p: p / 2, "no probabilities"),
        (lambda p: p[:, :1], "array of shape"),
    ],
)
def test_what_are_no_probabilities_is_refused(returned, message):
    class Odd(LogisticRegression):
        def predict_proba(self, x):
            return returned(super().predict_proba(x))

    with pytest.raises(ValueError, match=message):
        validate_fold(work(Odd), 0)


def test_a_predicted_class_that_is_none_of_the_target_is_refused():
    class Odd(LogisticRegression):
        def predict(self, x):
            return super().predict(x) + 5

    with pytest.raises(ValueError, match=r"predict returned '[56]'"):
        validate_fold(work(Odd), 0)


def test_warnings_of_an_estimator_come_back_once():
    lazy = partial(LogisticRegression, max_iter=1)
    (warned,) = validate_fold(work(lazy), 0).warned
    assert warned.startswith("ConvergenceWarning: lbfgs failed to converge")


def test_open_random_states_get_the_seed_nested_ones_too():
    search = seeded(GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}), 5)
    assert search.estimator.random_state == 5
    assert seeded(DecisionTreeClassifier(random_state=1), 5).random_state == 1


def refused(y, plan, groups=None, factory=LogisticRegression):
    with pytest.raises(InputError) as error:
        crossval.run(np.zeros((len(y), 1)), np.array(y), factory, plan, groups=groups, jobs=1)
    return [str(problem) for problem in error.value.problems]


def test_fewer_members_in_a_class_than_folds_are_refused_each_class_by_name():
    found = refused([0] * 20 + [1] * 2 + [2], Plan("m", "1", "stratified", 5))
    assert [text.split(";")[0] for text in found] == [
        "y: class 1 has 2 rows, fewer than the 5 folds",
        "y: class 2 has 1 row, fewer than the 5 folds",
    ]


def test_many_classes_with_few_members_are_one_problem():
    (found,) = refused([str(i) for i in range(50)], Plan("m", "1", "stratified", 5))
    assert "50 classes have fewer rows than the 5 folds (0, 1, 2, 3, 4 and 45 more)" in found


def test_a_class_that_a_fold_lacks_is_refused():
    found = refused(["a"] * 20 + ["b"] * 20, Plan("m", "1", "group", 4), groups=np.arange(40) // 10)
    assert "fold 0 has no rows of class" in found[0]
    assert len(found) == 4


def test_training_rows_without_a_class_are_refused():
    found = refused(["a"] * 10 + ["a", "b"] * 10, Plan("m", "1", "time-series", 2))
    assert "fold 0 has no training rows of class b" in found[0]


@pytest.mark.parametrize(
    ("plan", "groups", "message"),
    [
        (Plan("m", "1", "group", 2), None, "--groups: scheme group needs a group of each row"),
        (Plan("m", "1", "group", 3), np.array([0, 1] * 5), "y: 2 groups leave a fold without rows"),
        (Plan("m", "1", "plain", 11), None, "y: 10 rows leave a fold without rows"),
        (Plan("m", "1", "time-series", 10), None, "y: 10 rows leave a fold without rows"),
        (Plan("m", "1", "stratified", 2, 3), None, "--repeats: scheme stratified has no repeats"),
        (Plan("m", "1", "plain", 1), None, "--folds: 1 folds"),
    ],
)
def test_a_plan_that_cannot_be_split_is_refused(plan, groups, message):
    assert message in refused([0, 1] * 5, plan, groups)[0]


@pytest.mark.parametrize(
    ("y", "positive", "message"),
    [
        ([1] * 10, None, "y: holds only the class 1"),
        ([], None, "y: holds no rows"),
        (["a", "b", None, "", "a"], None, "y: 2 rows have no class (the first: row 3)"),
        (["a", "b"] * 5, "c", "--positive: c is not among the classes (a, b)"),
        (["a", "b", "c"] * 5, "c", "--positive: there are 3 classes"),
    ],
)
def test_a_target_that_is_no_target_is_refused(y, positive, message):
    assert message in refused(np.array(y, object), Plan("m", "1", "plain", 2, positive=positive))[0]


@pytest.mark.parametrize(
    ("factory", "scheme", "message"),
    [
        (lambda: 3, "stratified", "returned int, which has no fit and predict"),
        (lambda: LogisticRegression, "stratified", "returned type, which has no fit and predict"),
        (lambda: 1 // 0, "stratified", "raised ZeroDivisionError"),
        (LogisticRegression, "nested", "returned LogisticRegression, which searches nothing"),
    ],
)
def test_a_factory_that_makes_no_estimator_is_refused(factory, scheme, message):
    assert message in refused([0, 1] * 5, Plan("m", "1", scheme, 2), factory=factory)[0]
