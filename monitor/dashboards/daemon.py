"""Whether the daemon itself is well, in small panels that stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, SECOND
from monitor.dashboards.looks import AMBER, GREEN, RED, named
from monitor.dashboards.panels import Scale, Words, stats
from monitor.dashboards.queries import at_the_end, series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.dashboards.panels import Limits

_WIDTH: Final = 3
_DAY: Final = DAY // SECOND
_READ: Final[Limits] = ((0, GREEN), (600, AMBER), (3600, RED))


def health(cadence: int) -> tuple[sdk.Panel, ...]:
    """Return the row: reached, reading, halted, how fresh, how far behind, rejected, and the certificate.

    `cadence`: milliseconds between two evaluations. Of three that are missed an alert tells.
    """
    seconds = cadence // SECOND
    no, yes = ("no", RED), ("yes", GREEN)
    return (
        _word(
            "Scraped",
            "Prometheus reaches the daemon. No: every figure here is old.",
            f"min({series('up')})",
            {"0": no, "1": yes},
            "no such job",
        ),
        _word(
            "Source",
            "The daemon can read its topics or files. No: the broker is away, a topic is missing or a login refused; "
            "it keeps trying and loses nothing.",
            f"min({series(catalog.SOURCE_UP)})",
            {"0": ("away", RED), "1": ("read", GREEN)},
        ),
        _word(
            "Halted",
            "Reading has stopped because too many events were rejected. Mend the feed, then restart.",
            f"max({series(catalog.HALTED)})",
            {"0": ("no", GREEN), "1": ("halted", RED)},
        ),
        _age(
            "Last evaluation",
            "How long ago the report was made. Orange once one was missed, red from the third on.",
            f"time() - max({series(catalog.LAST_EVALUATION)})",
            ((0, GREEN), (2 * seconds, AMBER), (3 * seconds, RED)),
        ),
        _age(
            "Last commit",
            "How long ago events were last written to the state. Long is fine where none come.",
            f"time() - max({series(catalog.LAST_COMMIT)})",
            _READ,
        ),
        _number(
            "Behind",
            "Messages that wait to be read, of all partitions.",
            f"sum({series(catalog.LAG)})",
            Scale("short", 0, 0, limits=((0, GREEN), (100, AMBER), (100_000, RED))),
            "no partitions: files are read",
        ),
        _number(
            "Rejected, 15 minutes",
            "Events that were rejected as invalid in the last quarter of an hour. They are kept as dead letters.",
            f"sum(increase({series(catalog.DEAD_LETTERS)}[15m]))",
            Scale("short", 0, 0, limits=((0, GREEN), (0.5, AMBER))),
        ),
        _age(
            "Certificate",
            "For how long the first of the configured certificates is still valid.",
            f"min({series(catalog.TLS_EXPIRY)}) - time()",
            ((-100 * _DAY, RED), (7 * _DAY, AMBER), (14 * _DAY, GREEN)),
            "none configured",
        ),
    )


def _word(title: str, text: str, expr: str, words: dict[str, tuple[str, str]], absent: str = "not known") -> sdk.Panel:
    said = Words(title, text, absent)
    return stats(said, at_the_end([(expr, "")]), Scale("none"), width=_WIDTH, mappings=named(words))


def _age(title: str, text: str, expr: str, limits: Limits, absent: str = "not known") -> sdk.Panel:
    return _number(title, text, expr, Scale("s", 0, limits=limits), absent)


def _number(title: str, text: str, expr: str, scale: Scale, absent: str = "not known") -> sdk.Panel:
    asked: Sequence[tuple[str, str]] = [(expr, "")]
    return stats(Words(title, text, absent), at_the_end(asked), scale, width=_WIDTH)
