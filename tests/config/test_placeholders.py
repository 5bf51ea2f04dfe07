"""The template of a webhook's body: what is filled in stays what it is, wherever it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.placeholders import PLACEHOLDERS, fill, placeholder_problems

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(alphabet=st.sampled_from('{}"\\run a\n\u2028é'), max_size=30)


@settings(max_examples=150, deadline=None)
@given(value=st.fixed_dictionaries(dict.fromkeys(PLACEHOLDERS, ANY | TEXT)))
def test_no_value_breaks_out_of_its_place(value):
    template = '{"a": {model}, "{version}": ["x {reasons} \\" {run}", {decision}], "b": "{verb}"}'
    assert placeholder_problems(template) == []
    got = json.loads(fill(template, value))

    def text(name):
        one = value[name]
        return one if isinstance(one, str) else json.dumps(one, ensure_ascii=False, sort_keys=True)

    expected = {text("version"): [f'x {text("reasons")} " {text("run")}', value["decision"]]}
    expected = {"a": value["model"], **expected}
    expected["b"] = text("verb")
    assert got == {"a": value["model"], **expected}


@pytest.mark.parametrize(
    ("template", "finding"),
    [
        ('{"a": "{runn}"}', "no placeholder is called 'runn': there are run, model, "),
        ('{"a": "{secret}", "b": {Run}}', "no placeholder is called 'secret'"),
        ('{"a": {run}', "is no JSON once its placeholders are filled in: Expecting"),
        ("run={run}", "is no JSON once"),
        ('{"a": "x" {run}}', "is no JSON once"),
    ],
)
def test_a_template_that_cannot_work_says_what_is_wrong(template, finding):
    assert placeholder_problems(template)[0].startswith(finding)


def test_braces_that_mean_themselves_stay():
    template = r'{"a": {}, "b": "{ run } \u007brun} {{ds}}", "c": {"d": {run}}}'
    assert placeholder_problems(template) == ["no placeholder is called 'ds': there are " + ", ".join(PLACEHOLDERS)]
    template = template.replace("{{ds}}", "{{ ds }}")
    filled = json.loads(fill(template, dict.fromkeys(PLACEHOLDERS, "R")))
    assert filled == {"a": {}, "b": "{ run } {run} {{ ds }}", "c": {"d": "R"}}
