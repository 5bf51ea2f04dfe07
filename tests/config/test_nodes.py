import pytest

from monitor.config.nodes import Entries, Items, Scalar, parse
from monitor.errors import InputError


def plain(node):
    match node:
        case Scalar():
            return node.text
        case Items():
            return [plain(item) for item in node.items]
        case Entries():
            return {name: plain(value) for name, (_, value) in node.entries.items()}


def test_every_scalar_keeps_its_text_and_line():
    node, problems = parse(b"a: 0x1F\nb:\n  - no\n  - 'on'\n", "f")
    assert plain(node) == {"a": "0x1F", "b": ["no", "on"]}
    items = node.entries["b"][1].items
    assert [(item.line, item.quoted) for item in items] == [(3, False), (4, True)]
    assert problems == []


def test_only_an_unquoted_null_is_nothing():
    node, _ = parse(b"a:\nb: ~\nc: null\nd: ''\ne: 'null'\n", "f")
    assert {name: value.nothing for name, (_, value) in node.entries.items()} == {
        "a": True,
        "b": True,
        "c": True,
        "d": False,
        "e": False,
    }


def test_a_merge_lends_its_keys_and_the_written_ones_win():
    node, problems = parse(b"x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 5}\n", "f")
    assert plain(node)["z"] == {"a": "5", "b": "2", "c": "4"}
    assert problems == []


def test_a_key_given_twice_names_both_lines():
    _, problems = parse(b"a: 1\nb: 2\na: 3\n", "f")
    assert [str(problem) for problem in problems] == ["f:3: the key `a` stands in line 1 already; keep one of the two"]


@pytest.mark.parametrize(
    ("raw", "place", "finding"),
    [
        (b"a: [1, 2\nb: 3\n", "f:2", "this is not YAML"),
        (b"a:\n\t- b\n", "f:2", "cannot start any token"),
        (b"a: b\n---\nc: d\n", "f:2", "another document"),
        (b"a: *nowhere\n", "f:1", "undefined alias"),
        (b"a: &a [*a]\n", "f:1", "contains itself"),
        (b"a: caf\xe9\n", "f:1", "byte 0xe9 is not UTF-8"),
        (b"ok: 1\na: \x00\n", "f:2", "U+0000"),
        ("a: 1".encode("utf-16"), "f", "UTF-16"),
        ("a: 1".encode("utf-16-le"), "f:1", "U+0000"),
        (b"[" * 1_500, "f", "nested too deeply"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_yaml_says_where(raw, place, finding):
    with pytest.raises(InputError) as failed:
        parse(raw, "f")
    (problem,) = failed.value.problems
    assert problem.place == place
    assert finding in problem.finding
    assert problem.remedy


@pytest.mark.parametrize(
    ("raw", "finding"),
    [
        (b"a: !!python/object:os.system x\n", "the tag `!!python/object:os.system`"),
        (b"? [a, b]\n: c\n", "cannot be a key"),
        (b"<<: 3\n", "takes a mapping"),
    ],
)
def test_what_yaml_has_and_a_configuration_does_not_is_named(raw, finding):
    _, problems = parse(raw, "f")
    assert [finding in problem.finding for problem in problems] == [True]
    assert problems[0].place == "f:1"


def test_a_thousandfold_anchor_costs_nothing():
    raw = b"a: &a [x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b", ".join([b"*%c" % (97 + i)] * 20)) for i in range(20)
    )
    node, problems = parse(raw, "f")
    assert len(node.entries) == 21
    assert problems == []
