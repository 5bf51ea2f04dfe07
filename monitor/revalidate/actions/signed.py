"""The signature of a webhook: who knows the secret can tell that a request is ours, whole, and new."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

SIGNATURE: Final = "X-Foldwatch-Signature-256"
TIMESTAMP: Final = "X-Foldwatch-Timestamp"
IDEMPOTENCY: Final = "Idempotency-Key"


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Return `sha256=HEX`: HMAC-SHA256 of the timestamp (epoch seconds, decimal), a full stop and the body."""
    return "sha256=" + hmac.new(secret, b"%d.%b" % (timestamp, body), hashlib.sha256).hexdigest()
