"""Rules with one thing wrong: what a test of them must find."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

_JOINED = re.compile(r"\n\s*(and|or|unless)\n")
_KEPT = re.compile(r"by \((.+?)\)")
_COMPARED = re.compile(r"(>=|<=|==|>|<) (-?[0-9.]+)$")


def altered(file, old, new):
    """Return a file of rules with one rule in the place of another."""
    return replace(
        file,
        groups=tuple(
            replace(group, rules=tuple(new if rule is old else rule for rule in group.rules)) for group in file.groups
        ),
    )


def levels_of(expr):
    """Return the levels of a burn alert, each the list of its conditions."""
    parts = re.split(r"\n\)\nor\n\(\n", expr.removeprefix("(\n").removesuffix("\n)")) if "\nor\n" in expr else [expr]
    return [[line.strip() for line in re.split(r"\n\s*and\n", part)] for part in parts]


def burning(levels, joined="or"):
    """Return the expression of levels: the reverse of levels_of."""
    parts = ["\nand\n".join(conditions) for conditions in levels]
    return f"\n{joined}\n".join(f"(\n{part}\n)" for part in parts)


def wrong_levels(rule, at):
    """Yield (what is wrong, alert) for one level of a burn alert."""
    levels = levels_of(rule.expr)

    def with_level(conditions, joined="or"):
        return replace(rule, expr=burning([*levels[:at], conditions, *levels[at + 1 :]], joined))

    long, short, events = levels[at]
    yield "long window dropped", with_level([short, events])
    yield "short window dropped", with_level([long, events])
    yield "least number of events dropped", with_level([long, short])
    for factor in ("0.9", "1.1"):
        yield f"threshold of the long window x {factor}", with_level([scaled(long, factor), short, events])
        yield f"threshold of the short window x {factor}", with_level([long, scaled(short, factor), events])
    for more in (-1, 1):
        yield f"least number of events {more:+d}", with_level([long, short, moved(events, more)])
    yield "above or at the threshold", with_level([long.replace(" > ", " >= "), short.replace(" > ", " >= "), events])
    yield "any instead of all", replace(rule, expr=f"({long})\nor\n({short})\nor\n({events})")
    yield "level dropped", replace(rule, expr=burning([*levels[:at], *levels[at + 1 :]]) or "vector(1) == 0")
    if len(levels) > 1:
        yield "and instead of or", replace(rule, expr=burning(levels, "and"))


def wrong_alerts(rule):
    """Yield (what is wrong, alert) for an alert of any kind."""
    if rule.for_:
        yield "for dropped", replace(rule, for_=0)
        yield "for of a minute more", replace(rule, for_=rule.for_ + 60_000)
    kept = _KEPT.search(rule.expr)
    of_expression = () if kept is None else kept[1].split(", ")
    for label in rule.labels:
        if label not in of_expression:  # what the expression keeps, the alert has without the rule's help
            yield f"label {label} dropped", replace(rule, labels=_without(rule.labels, label))
    for name in ("summary", "description"):
        yield f"annotation {name} dropped", replace(rule, annotations=_without(rule.annotations, name))
    for wrong, expr in _wrong_expressions(rule.expr):
        yield wrong, replace(rule, expr=expr)


def _wrong_expressions(expr):
    parts = _JOINED.split(expr)
    for at in range(0, len(parts), 2):
        if len(parts) > 1:
            yield f"condition {at // 2} dropped", _rejoined(parts[2:] if at == 0 else parts[: at - 1] + parts[at + 1 :])
        for change, mended in _compared_otherwise(parts[at]):
            yield f"condition {at // 2} {change}", _rejoined([*parts[:at], mended, *parts[at + 1 :]])
    for word, other in (("and", "or"), ("or", "and"), ("unless", "and")):
        if word in parts[1::2]:
            yield f"{other} instead of {word}", _rejoined([other if part == word else part for part in parts])
    for label in ("job", "model", "rule_group"):
        without = re.sub(rf'\b{label}=~?"[^"]*"(, )?', "", expr)
        if without != expr:
            yield f"{label} not selected", without.replace(", }", "}")


def _without(mapping, key):
    return {name: text for name, text in mapping.items() if name != key}


def unguarded(recording):
    """Return a recording that divides by whatever there is, by 0 too."""
    return replace(recording, expr=recording.expr.replace(" > 0)", ")"))


def unselected(recording, label):
    """Return a recording of every series, whatever its label says."""
    return replace(recording, expr=re.sub(rf'\b{label}="[^"]*"(, )?', "", recording.expr).replace(", }", "}"))


def scaled(condition, factor):
    """Return a comparison with another number."""
    return _COMPARED.sub(lambda found: f"{found[1]} {Decimal(found[2]) * Decimal(factor)}", condition)


def moved(condition, more):
    """Return a comparison with a number that is more by so much."""
    return _COMPARED.sub(lambda found: f"{found[1]} {int(found[2]) + more}", condition)


def _compared_otherwise(condition):
    found = _COMPARED.search(condition)
    if found is None:
        return
    number = Decimal(found[2])
    if found[1] == "==":
        yield "with another number", moved(condition, 1 if number == 0 else -1)
    elif number > 0:
        yield "x 0.9", scaled(condition, "0.9")
        yield "x 1.1", scaled(condition, "1.1")
    else:
        other = {">": ">=", "<=": "<"}[found[1]]
        yield f"{other} instead of {found[1]}", _COMPARED.sub(f"{other} 0", condition)


def _rejoined(parts):
    return "".join(f"\n{part}\n" if at % 2 else part for at, part in enumerate(parts))
