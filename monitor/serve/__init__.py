"""HTTP: /metrics, the probes, the page for people and the report for programs. Read-only; nothing is evaluated here.

`server.py` wires the rest: what is answered, who may ask, and what keeps one client from harming another.
"""

from monitor.serve.application import Probes
from monitor.serve.server import Server, require_free

__all__ = ["Probes", "Server", "require_free"]
