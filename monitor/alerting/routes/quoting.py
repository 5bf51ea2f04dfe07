"""Text inside other text: YAML and Alertmanager's matchers. Names may hold anything."""

from __future__ import annotations

import json
import re

_ESCAPED_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def in_yaml(text: str) -> str:
    """Return a double-quoted YAML scalar that any parser reads as this text."""
    return _ESCAPED_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def in_matcher(text: str) -> str:
    """Return the quoted value of a matcher."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
