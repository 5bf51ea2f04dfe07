"""What survives a batch: rows, slice counts, offsets and totals, changed by one atomic commit at a time."""

from monitor.state.memory import MemoryState
from monitor.state.state import Commit, Fetched, ModelCommit, ModelState, State

__all__ = ["Commit", "Fetched", "MemoryState", "ModelCommit", "ModelState", "State"]
