"""A past of what only a running daemon tells, made up from one of its scrapes: to look at, never to test with.

Names and labels are real. Gauges waver around what was scraped, counters rise, times go with the time.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_APART = 60
_CONSTANT = ("_info", "_fold_ratio", "_share_ratio", "_max_fds", "_slo_state", "_data_gate", "_halted", "_source_up")
_PAST_SECONDS = 26 * 3_600


def made_up(scrape: str, known: set[str], end: float, seed: int = 5) -> str:
    """Return OpenMetrics text of the 26 hours before `end`, epoch s, of every family but those that are `known`.

    `scrape`: the text of /metrics. `up` and `scrape_duration_seconds` are told too, of the job `foldwatch`.
    """
    chance = random.Random(seed)
    lines = []
    at = [end - ago for ago in range(_PAST_SECONDS, 0, -_APART)]
    for family, kind, samples in _families(scrape):
        if family.removesuffix("_total") in known:
            continue
        name = family.removesuffix("_total") if kind == "counter" else family
        lines.append(f"# TYPE {name} {kind}")
        wave = [1 + 0.15 * math.sin(t / 4_000 + len(family)) + chance.uniform(-0.04, 0.04) for t in at]
        risen, rising = [], 1.0
        for each in wave:
            rising += each / 200
            risen.append(rising)
        for series, value in samples:
            for number, t in enumerate(at):
                if kind in {"counter", "histogram"}:
                    shown = value * risen[number]
                elif family.endswith("_timestamp_seconds"):
                    shown = value - (end - t) if family.count("start_time") + family.count("baseline") == 0 else value
                else:
                    shown = value if family.endswith(_CONSTANT) or value in {0.0, 1.0} else value * wave[number]
                lines.append(f"{series} {shown!r} {t:.3f}")
    return "\n".join([*lines, "# EOF", ""])


def _families(scrape: str) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
    """Yield name, type and samples of each family."""
    name, kind, samples = "", "", []  # type: str, str, list[tuple[str, float]]
    for line in scrape.splitlines():
        if line.startswith("# TYPE "):
            if samples:
                yield name, kind, samples
            _, _, name, kind = line.split(" ", 3)
            samples = []
        elif line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            samples.append((series, float(value)))
    if samples:
        yield name, kind, samples
