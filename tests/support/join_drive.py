"""Drives the join with the oracle's events, over rows that a test keeps itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import numpy as np
from hypothesis import strategies as st
from join_oracle import NULL, L, Law, P

from monitor.join.join import join, join_split
from monitor.join.rows import CodedLabels, CodedPredictions, Rows
from monitor.join.rules import Outcomes, Rules

IDS, CLASSES = 2, 3
LAW = Law(correction=8, first_wait=3)


def rules_of(law):
    return Rules.of([str(k) for k in range(CLASSES)], law.correction, law.first_wait)


def predictions_of(events):
    """Columns of the predictions among (order, event) pairs."""
    found = [(order, e) for order, e in events if isinstance(e, P)]
    return CodedPredictions(
        np.array([e.id for _, e in found], np.int64),
        np.array([order for order, _ in found], np.int64),
        np.array([e.version for _, e in found], np.int32),
        np.array([e.at for _, e in found], np.int64),
        np.array([e.y_pred for _, e in found], np.int32),
        np.array([[e.segment] for _, e in found], np.int16).reshape(-1, 1),
        np.array([[e.score] for _, e in found], np.float64).reshape(-1, 1),
    )


def labels_of(events):
    """Columns of the labels among (order, event) pairs."""
    found = [(order, e) for order, e in events if isinstance(e, L)]
    return CodedLabels(
        np.array([e.id for _, e in found], np.int64),
        np.array([order for order, _ in found], np.int64),
        np.array([e.at for _, e in found], np.int64),
        np.array([e.y_true for _, e in found], np.int32),
    )


def counted(changes, total, *, with_label):
    """Add changes to a multiset of what is counted."""
    for i in range(len(changes)):
        row = (
            int(changes.version[i]),
            int(changes.segments[i, 0]),
            int(changes.predicted_at[i]),
            int(changes.y_pred[i]),
            float(changes.scores[i, 0]),
        )
        label = (int(changes.y_true[i]), int(changes.labelled_at[i]))
        total[(*row, *label) if with_label else row] += int(changes.sign[i])


def steps(batches, law=LAW, *, all_tangled=False):
    """Join batch after batch; yield what each makes of the rows."""
    rules, rows = rules_of(law), Rows.absent(IDS, 1, 1)
    for batch in batches:
        events = list(enumerate(batch))
        parts = (rows, predictions_of(events), labels_of(events), rules)
        joined = join_split(*parts, np.ones(IDS, np.bool_)) if all_tangled else join(*parts)
        yield joined
        rows = joined.rows


def firsts(batches, law=LAW, *, all_tangled=False):
    """The first classes after each batch, as a multiset that grows."""
    total = Counter()
    for joined in steps(batches, law, all_tangled=all_tangled):
        counted(joined.first, total, with_label=True)
        yield Counter(total)


def run(batches, law=LAW, *, all_tangled=False):
    """Join batch after batch; return (rows, predicted, labelled, outcomes as a dict without zeros)."""
    rows, outcomes = Rows.absent(IDS, 1, 1), Outcomes()
    predicted, labelled = Counter(), Counter()
    for joined in steps(batches, law, all_tangled=all_tangled):
        rows, outcomes = joined.rows, outcomes + joined.outcomes
        counted(joined.predicted, predicted, with_label=False)
        counted(joined.labelled, labelled, with_label=True)
    nonzero = {name: n for name, n in asdict(outcomes).items() if n}
    return rows, +predicted, +labelled, nonzero


times = st.integers(0, 14)
predictions = st.builds(
    P,
    st.integers(0, IDS - 1),
    st.integers(0, 1),
    times,
    st.integers(0, CLASSES - 1),
    st.integers(0, 1),
    st.sampled_from([0.25, 0.5]),
)
labels = st.builds(L, st.integers(0, IDS - 1), times, st.sampled_from([NULL, 0, 1, 2]))
events = st.lists(st.one_of(predictions, labels, labels), max_size=14)
