"""Writing Go's templates, in which Prometheus expands the annotations and labels of alerts."""

from __future__ import annotations

from typing import Final

from monitor.alerting.rules.promql import quoted

UNKNOWN: Final = "not known"
"""What stands where a query finds nothing."""
NUMBER: Final = 'printf "%.0f"'
RATE: Final = 'printf "%.3g"'
QUALITY: Final = 'printf "%.3f"'
SHARE: Final = "humanizePercentage"
SPAN: Final = "humanizeDuration"
MOMENT: Final = "humanizeTimestamp"


def literal(text: str) -> str:
    """Return a template that expands to `text` itself: braces in a name must not become a template."""
    return text.replace("{", '{{ "{" }}')


def asked(query: str, shown: str, otherwise: str = UNKNOWN) -> str:
    """Return a template for the value of a query's first series, in the way `shown` says."""
    value = f"{{{{ . | first | value | {shown} }}}}"
    return f"{{{{ with query {quoted(query)} }}}}{value}{{{{ else }}}}{otherwise}{{{{ end }}}}"


def where(query: str, before: str, shown: str, after: str) -> str:
    """Return a template for `before`, the value, `after`: nothing at all where the query finds nothing."""
    return f"{{{{ with query {quoted(query)} }}}}{before}{{{{ . | first | value | {shown} }}}}{after}{{{{ end }}}}"
