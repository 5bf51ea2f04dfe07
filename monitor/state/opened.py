"""Where the daemon keeps its state: `store.path`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.state.memory import MemoryState

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.state.state import State


def open_state(settings: Settings) -> State:
    """Return the state of a configuration: the folder of `store.path`, or memory where there is none.

    Raises InputError where the folder is in use, damaged, or was made for another configuration.
    """
    if settings.store is None:
        return MemoryState(settings.models)
    from monitor.state.disk.durable import RocksState  # noqa: PLC0415 - whoever keeps nothing need not load RocksDB

    return RocksState(settings.store, settings.models)
