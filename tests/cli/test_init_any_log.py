import json

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cli import main
from monitor.config import load

NAMES = st.sampled_from(
    ["id", "ts", "y_pred", "label", "score", "scores", "model", "version", "segment", "a.b", "", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.integers(10**12, 2 * 10**12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES | st.text(max_size=2), inner, max_size=3),
    max_leaves=4,
)
CLASSES = st.sampled_from(["a", "b: #", 1, 1.0, True, None, "\u2028"])
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=6)
LIKELY = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(), "ts": st.integers(10**12, 2 * 10**12), "y_pred": CLASSES, "label": CLASSES},
        optional={"score": VALUES, "scores": VALUES, "plan": VALUES, "model": VALUES, "version": VALUES},
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS | LIKELY)
def test_any_log_gives_a_valid_configuration_or_says_what_is_missing(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp()
    log, output = folder / "any.jsonl", folder / "any-guessed.yaml"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code = main(["init", "--predictions", str(log), "--output", str(output), "--force"])
    assert code in (0, 2)
    assert code == 2 or load(output).models
