r"""The body of a webhook: JSON with placeholders, `{run}`, that no value can break out of.

A placeholder inside a text becomes what it stands for, escaped as JSON escapes texts; outside of one it becomes a JSON
value: `"foldwatch-{run}"` stays a text, `{"conf": {decision}}` gets the whole decision. What is put in is never read
again, so that no value brings a placeholder or a key of its own. A brace before a word that means itself is written
`\u007b`, as JSON allows inside texts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDERS: Final = (
    "run",
    "model",
    "version",
    "candidate_version",
    "baseline",
    "started",
    "verb",
    "triggered",
    "reasons",
    "baseline_before",
    "baseline_after",
    "decision",
)
"""The run's key; the model; the version that is judged and that of the candidate; the file of
the baseline in force, where it lies on this machine; the start of the run (RFC 3339);
`start` or `promoted`; the keys that triggered; why; two hashes, or null; the decision as `--json` shows it."""
_PIECE: Final = re.compile(r'\{(?P<name>[A-Za-z_]+)\}|(?P<quote>")|(?P<escaped>\\.)', re.DOTALL)


def placeholder_problems(template: str) -> list[str]:
    """Say what is wrong with a template, each with what would be right; empty where it is a template of JSON."""
    names = [match["name"] for match in _PIECE.finditer(template) if match["name"] is not None]
    unknown = [name for name in dict.fromkeys(names) if name not in PLACEHOLDERS]
    if unknown:
        return [f"no placeholder is called {name!r}: there are {', '.join(PLACEHOLDERS)}" for name in unknown]
    try:
        json.loads(fill(template, dict.fromkeys(PLACEHOLDERS, "")))
    except ValueError as error:
        return [f"is no JSON once its placeholders are filled in: {error}"]
    return []


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return the template with its placeholders filled in. `values`: JSON values, one for each of PLACEHOLDERS."""
    inside = False
    pieces, end = [], 0
    for match in _PIECE.finditer(template):
        if match["quote"] is not None:
            inside = not inside
        elif match["name"] is not None:
            pieces += [template[end : match.start()], _written(values[match["name"]], inside=inside)]
            end = match.end()
    return "".join([*pieces, template[end:]])


def _written(value: Any, *, inside: bool) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as JSON, or as what may stand between the quotes of a text."""
    written = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not inside:
        return written
    return written[1:-1] if isinstance(value, str) else json.dumps(written, ensure_ascii=False)[1:-1]
