import json

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import load
from monitor.config.keys import TABLES
from monitor.errors import InputError

NAMES = sorted({key.name for table in TABLES for key in table.keys})
WORDS = ["", "m", "a", "b", "24h", "-1h", "0", "1.0", "1", "recall", "log_loss", "null", "1e999", "nan", "9" * 5_000]
VALUES = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=5) | st.none() | st.booleans() | st.floats() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=30,
)


def outcome(path):
    """Valid, or problems that each say where, what and what to do."""
    try:
        load(path)
    except InputError as error:
        problems = error.problems
    else:
        return ()
    assert problems
    assert all(str(path) in problem.place and problem.finding and problem.remedy for problem in problems)
    return problems


@settings(max_examples=80, deadline=None)
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_are_a_configuration_or_a_problem(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    assert outcome(path) or b"classes" in raw


@settings(max_examples=120, deadline=None)
@given(value=VALUES, model=VALUES, objective=VALUES, source=VALUES)
def test_any_value_at_any_key_is_understood_or_a_problem(tmp_path_factory, value, model, objective, source):
    path = tmp_path_factory.getbasetemp() / "shaped.yaml"
    good = {"classes": ["a", "b"], "windows": ["24h"]}
    models = {"m": good | (model if isinstance(model, dict) else {}) | {"objectives": [objective]}, "n": model}
    tree = (value if isinstance(value, dict) else {}) | {"models": models, "source": source}
    path.write_text(json.dumps(tree), encoding="utf-8", errors="surrogatepass")
    problems = outcome(path)
    assert len(problems) == len(set(problems))
