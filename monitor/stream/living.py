"""Which versions are still in use: events name them, and most are one day used no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config import ModelSettings
    from monitor.state.state import State


def living(state: State, models: Mapping[str, ModelSettings]) -> Mapping[str, Mapping[str, int]]:
    """Return model -> version -> identities counted, without the versions that are retired.

    A version is retired once no window reaches back to a prediction of it (its slices are gone then) and the
    configuration names no baseline of it. The state keeps its count, and goes on with it should it come back.
    """
    sliced = {(series.model, series.version) for series in state.series()}
    return {
        name: {
            version: n
            for version, n in state.model(name).predictions.items()
            if version in model.baseline or (name, version) in sliced
        }
        for name, model in models.items()
    }
