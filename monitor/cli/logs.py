"""Structured logs: one line an event, as JSON or as text. No scores, no ids, no secrets: places, reasons and counts."""

from __future__ import annotations

import json
import logging
import sys
from typing import Final

from monitor.clock import format_time

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
FORMATS: Final = ("text", "json")


class Line(logging.Formatter):
    """One record as one line: its moment, level, event and the fields given as `extra`."""

    def __init__(self, style: str) -> None:
        """Write as `json` or as `text`."""
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = format_time(int(record.created * 1000))
        fields = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        if self._json:
            entry = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **fields}
            return json.dumps(entry, ensure_ascii=False, default=str)
        shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items())
        return f"{at} {record.levelname:<7} {record.getMessage()}" + (f"  {shown}" if shown else "")


def _shown(value: object) -> str:
    """Return a value as text, quoted where it has blanks."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c.isspace() or c == '"' for c in text) or not text else text


def log_to_stderr(style: str) -> None:
    """Send the logs of foldwatch to stderr."""
    printer = logging.StreamHandler(sys.stderr)
    printer.setFormatter(Line(style))
    log = logging.getLogger("foldwatch")
    log.handlers[:] = [printer]
    log.setLevel(logging.INFO)
    log.propagate = False
