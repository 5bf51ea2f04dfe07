"""A baseline for people: `baseline show` on a terminal or in a file, within 100 columns."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.baselines.measures import Measures

_WIDTH = 100
_MOST_ROWS = 30
_MOST_FOLDS = 8
"""So many folds stand side by side; more are shown by their least and greatest."""
_MIB = 2**20
_NAME = 18


def print_measures(measures: Measures, path: Path) -> None:
    """Print what the file holds, its corridor and M1 to M9; say where M10 is."""
    console = Console(width=_WIDTH, highlight=False, soft_wrap=True)
    document = measures.document
    for line in _head(document, path):
        console.print(line, markup=False)
    for table in (_folds(document), _classes(document), _per_metric(document), _f1(document), _members(document)):
        console.print()
        console.print(table)
    console.print()
    for line in _rest(document):
        console.print(line, markup=False)


def _head(document: dict[str, Any], path: Path) -> list[str]:
    """Return what the file is."""
    assignment = document["fold_assignment"] or {}
    repeats = f", {document['repeats']} repeats" if document["repeats"] > 1 else ""
    seed = "" if document["seed"] is None else f", seed {document['seed']}"
    positive = f" (positive: {document['positive']})" if document["positive"] else ""
    return [
        f"{path}",
        f"model       {document['model']} version {document['version']}",
        f"scheme      {document['scheme']}, {len(document['folds'])} folds{repeats}{seed}",
        f"classes     {_list(document['classes'])}{positive}",
        f"segments    {_list(document['segments']) or 'none'}",
        f"content     sha256 {document['content_hash']}",
        f"folds       sha256 {assignment.get('sha256', '(unknown)')}",
    ]


def _folds(document: dict[str, Any]) -> Table:
    """Return the folds with what they cost (M9)."""
    table = _table("Folds (M9)", "fold", "repeat", "rows", "trained on", "CPU s", "peak MiB")
    costs = document["M9"] or [None] * len(document["folds"])
    for fold, cost in list(zip(document["folds"], costs, strict=True))[:_MOST_ROWS]:
        spent = (f"{cost['cpu_seconds']:.2f}", f"{cost['peak_memory_bytes'] / _MIB:.0f}") if cost else ("-", "-")
        table.add_row(_short(fold["fold"]), str(fold["repeat"]), f"{fold['rows']:,}", f"{fold['n_train']:,}", *spent)
    return _and_more(table, len(document["folds"]))


def _classes(document: dict[str, Any]) -> Table:
    """Return the pooled value of each class with its corridor."""
    table = _table(
        "Classes: pooled folds, with the corridor at their own class shares",
        *("class", "rows", "recall", "precision", "F1", "AUC"),
    )
    for name, entry in list(document["per_class"].items())[:_MOST_ROWS]:
        rows = entry["support"]
        bands = (_band(entry.get(metric)) for metric in ("recall", "precision", "f1"))
        table.add_row(_short(name), f"{rows:,.0f}", *bands, _number((entry.get("roc_auc") or {}).get("value")))
    return _and_more(table, len(document["per_class"]))


def _per_metric(document: dict[str, Any]) -> Table:
    """Return whole-model metrics: corridor, M1, M5 and M7."""
    table = _table(
        "Whole model: sd over folds (M1), train minus validation (M5), interval widths (M7)",
        *("metric", "pooled", "sd", "gap", "t", "Nadeau-Bengio"),
    )
    for metric, entry in document["overall"].items():
        widths = document["M7"].get(metric, {})
        gap = (document["M5"] or {}).get(metric)
        table.add_row(
            metric,
            _band(entry),
            _number(document["M1"].get(metric), 4),
            _number(gap, 4, sign=True),
            _number(widths.get("t"), 4),
            _number(widths.get("nadeau_bengio"), 4),
        )
    return table


def _f1(document: dict[str, Any]) -> Table:
    """Return M2: F1 per class per fold."""
    return _by_fold("F1 per class and fold (M2)", document, document["M2"], _number)


def _members(document: dict[str, Any]) -> Table:
    """Return M6: rows of each class in each fold, and in the whole."""
    counts = {name: [fold["counts"][name] for fold in document["M6"]["folds"]] for name in document["classes"]}
    whole = document["M6"]["whole"]
    return _by_fold("Rows per class and fold (M6)", document, counts, lambda n: f"{n:,}", whole)


def _by_fold(
    title: str,
    document: dict[str, Any],
    rows: dict[str, list[Any]],
    shown: Callable[[Any], str],
    whole: dict[str, int] | None = None,
) -> Table:
    """Return a table of classes by folds, or by least and greatest where there are many folds."""
    names = [_short(fold["fold"], 8) for fold in document["folds"]]
    many = len(names) > _MOST_FOLDS
    last = [] if whole is None else ["whole"]
    table = _table(title, "class", *(("least", "greatest") if many else names), *last)
    for name, values in list(rows.items())[:_MOST_ROWS]:
        known = [value for value in values if value is not None]
        cells = ([shown(min(known)), shown(max(known))] if known else ["-", "-"]) if many else map(shown, values)
        table.add_row(_short(name), *cells, *([] if whole is None else [f"{whole[name]:,}"]))
    return _and_more(table, len(rows))


def _rest(document: dict[str, Any]) -> list[str]:
    """Return the measures that are one number or a sentence."""
    mean_auc = (document["M3"] or {}).get("mean")
    wall = "not measured" if document["M8"] is None else f"{document['M8']:.2f} s"
    return [
        f"M3 mean AUC over folds   {_number(mean_auc, 4)}",
        f"M4 pooled Brier, ECE     {_number(document['M4']['brier'], 4)}, {_number(document['M4']['ece'], 4)}",
        f"M8 wall time             {wall}",
        *wrap(f"M10 {document['M10']}", _WIDTH, subsequent_indent="    "),
    ]


def _table(title: str, *columns: str) -> Table:
    """Return an empty table: names to the left, numbers to the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", no_wrap=True)
    return table


def _and_more(table: Table, rows: int) -> Table:
    """Say how many rows were left out."""
    if rows > _MOST_ROWS:
        table.caption = f"{rows - _MOST_ROWS} more: --json has them all"
    return table


def _band(entry: dict[str, float | None] | None) -> str:
    """Return `0.742 [0.701, 0.781]`."""
    if entry is None or entry["value"] is None:
        return "-"
    if entry["lower"] is None or entry["upper"] is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} {entry['lower']:.3f}–{entry['upper']:.3f}"  # noqa: RUF001 - a range


def _number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number, or a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def _short(text: str, width: int = _NAME) -> str:
    """Return the text cut to a width."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _list(names: Sequence[str], width: int = 84) -> str:
    """Return names on one line, and how many more there are."""
    line = ""
    for at, name in enumerate(names):
        longer = f"{line}, {name}" if line else name
        if len(longer) > width - 12:
            return f"{line} and {len(names) - at} more"
        line = longer
    return line
