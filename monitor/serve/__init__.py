"""HTTP: /metrics, the probes, the page for people and the report for programs. Nothing is evaluated here.

Nothing is changed here either: calls, which need a token, are handed on to whoever `Taken` names.

`server.py` wires the rest: what is answered, who may ask, and what keeps one client from harming another.
"""

from monitor.serve.application import Probes, Taken
from monitor.serve.calls import Calls
from monitor.serve.server import Server, require_free

__all__ = ["Calls", "Probes", "Server", "Taken", "require_free"]
