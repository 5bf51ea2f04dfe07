"""Where the daemon keeps its state: `store.path`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.state.memory import MemoryState

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.state.state import State


def open_state(settings: Settings, *, read_only: bool = False) -> State:
    """Return the state of a configuration: the folder of `store.path`, or memory where there is none.

    `read_only`: nothing in the folder changes, and it may be in use; where nothing was ever kept it is memory. Raises
    InputError where the folder is in use, damaged, or was made for another configuration.
    """
    if settings.store is None or (read_only and not (settings.store / "CURRENT").exists()):
        return MemoryState(settings.models)
    from monitor.state.disk.durable import RocksState  # noqa: PLC0415 - whoever keeps nothing need not load RocksDB

    return RocksState(settings.store, settings.models, read_only=read_only)
