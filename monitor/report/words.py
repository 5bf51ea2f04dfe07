"""Numbers, moments and verdicts in words, the same on the page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE, SECOND, format_time
from monitor.statistics.names import LOSSES
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from decimal import Decimal

    from monitor.statistics.report import MetricResult

DASH: Final = "\N{EN DASH}"
_PERCENT: Final = "\N{NO-BREAK SPACE}%"
_NAMES: Final = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "ECE",
}


def metric_name(metric: str) -> str:
    """Return a metric as people write it: `roc_auc` is `ROC AUC`."""
    return _NAMES.get(metric, metric)


def title(metric: str, class_: str | None) -> str:
    """Return `recall of leave`, or `accuracy` for the whole model."""
    return metric_name(metric) if class_ is None else f"{metric_name(metric)} of {class_}"


def number(value: float | None, metric: str = "") -> str:
    """Return a metric's value: three decimals, or a whole number for support; a dash where there is none."""
    if value is None:
        return DASH
    return count(round(value)) if metric == "support" else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign, a true minus among them."""
    return DASH if value is None else f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def count(n: int | None) -> str:
    """Return a count with its thousands apart."""
    return DASH if n is None else f"{n:,}"


def share(part: int, whole: int) -> str:
    """Return a percentage, which is 0 or 100 only where it is exactly that."""
    if not whole or not part:
        return f"0{_PERCENT}"
    percent = 100 * part / whole
    return f"{min(max(percent, 1), 99):.0f}{_PERCENT}" if part < whole else f"100{_PERCENT}"


def percent(share: Decimal) -> str:
    """Return an exact share as a percentage with the digits that were written: 0.9995 is 99.95 %."""
    return f"{(100 * share).normalize():f}{_PERCENT}"


def moment(at: int | None) -> str:
    """Return `2026-01-31 12:00Z`, with seconds only where there are any."""
    if at is None:
        return DASH
    text = format_time(at - at % SECOND).replace("T", " ")
    return text.removesuffix(":00Z") + "Z" if text.endswith(":00Z") else text


def length(duration: int | None) -> str:
    """Return a duration in its two largest units: `2d 5h`, `45m`; a dash where there is none."""
    if duration is None:
        return DASH
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        amount, duration = divmod(duration, size)
        if amount:
            parts.append(f"{amount}{unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def band(lower: float | None, upper: float | None) -> str:
    """Return `0.660 to 0.750`, or nothing."""
    return "" if lower is None or upper is None else f"{lower:.3f} to {upper:.3f}"


def signed_band(lower: float | None, upper: float | None) -> str:
    """Return the band of a difference with its signs, or nothing."""
    return "" if lower is None or upper is None else f"{signed(lower)} to {signed(upper)}"


def verdict_name(result: MetricResult) -> str:
    """Return OK, WORSE, UNKNOWN, or a dash where nothing is judged."""
    return result.verdict.value if result.verdict else DASH


def verdict_in_words(result: MetricResult, *, brief: bool = False) -> str:
    """Say why the verdict is what it is: one sentence without a full stop; `brief` leaves the margin out."""
    said = _verdict_in_words(result, brief=brief)
    return said if result.doubt is None else f"{said}; {result.doubt}"


def reason(result: MetricResult) -> str | None:
    """Return why the verdict is not OK or WORSE, or why there is none, and what its data lack; None for nothing."""
    return "; ".join(filter(None, (result.reason, result.doubt))) or None


def _verdict_in_words(result: MetricResult, *, brief: bool) -> str:
    if result.undefined is not None:
        return f"undefined ({result.undefined})"
    if result.verdict is None:
        return result.reason or "no verdict"
    if result.verdict is Verdict.UNKNOWN:
        return _unknown_in_words(result)
    margin = f", margin {result.margin:g}" if result.margin is not None and not brief else ""
    if result.verdict is Verdict.WORSE:
        return f"{result.reason or 'worse than promised'}{margin}"
    promise = f"{_against_promise(result)}{margin}"
    return f"{promise}; {result.reason}" if result.reason else promise


def _unknown_in_words(result: MetricResult) -> str:
    reason = result.reason or "not decided yet"
    if result.labels_needed is None or result.labels_needed <= result.n:
        return reason
    return f"{reason}: {count(result.n)} of about {count(result.labels_needed)}"


def _against_promise(result: MetricResult) -> str:
    """Return by how much production, if it is OK, may be worse than promised at the most."""
    lower, upper = result.difference_lower, result.difference_upper
    if lower is None or upper is None:
        return "as promised"
    side, most = ("above", upper) if result.metric in LOSSES else ("below", -lower)
    return f"at most {most:.3f} {side} the promise" if most > 0 else f"not {side} the promise"
