"""What a Job of ours is, and what its status says: values in, values out. No cluster is asked here."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.clock import SECOND
from monitor.revalidate.actions.action import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.revalidate.actions.action import Order

RUN: Final = "foldwatch/run"
"""The label of Job and pods that holds the run's key."""
_LONGEST: Final = 63
"""Letters of a Job's name: it becomes a label of its pods."""
_KEPT: Final = 86_400
"""Seconds that an ended Job stays, unless the template says otherwise."""
_SHOWN: Final = 300
_UNNAMED: Final = "foldwatch-revalidate"


@dataclass(frozen=True, slots=True)
class Owner:
    """The Job that runs us, which takes ours with it when it is deleted."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a Job stands."""

    ended: State | None
    """None: not yet. SUCCEEDED, FAILED or TIMED_OUT."""
    text: str
    """`1 active, 0 failed`; or why it failed."""


def job_name(template: Mapping[str, Any], run: str) -> str:
    """Return the name of a run's Job: the template's and the run's key, so that a run has one Job."""
    prefix = str((template.get("metadata") or {}).get("name") or _UNNAMED)
    return f"{prefix[: _LONGEST - len(run) - 1].rstrip('-.')}-{run}"


def job_of(
    template: Mapping[str, Any], order: Order, time_limit: int, namespace: str, owner: Owner | None
) -> dict[str, Any]:
    """Return the Job of an order. `time_limit`: ms; where the template sets less, that holds."""
    job = copy.deepcopy(dict(template))
    job.pop("status", None)
    _mark(job, order)
    job["metadata"] |= {"name": job_name(template, order.run), "namespace": namespace}
    if owner is not None:
        kind = {"apiVersion": "batch/v1", "kind": "Job", "controller": False, "blockOwnerDeletion": False}
        job["metadata"]["ownerReferences"] = [{**kind, "name": owner.name, "uid": owner.uid}]
    spec = job["spec"]
    limit = max(1, math.ceil(time_limit / SECOND))
    spec["activeDeadlineSeconds"] = min(limit, spec.get("activeDeadlineSeconds") or limit)
    spec.setdefault("ttlSecondsAfterFinished", _KEPT)
    _mark(spec["template"], order)
    pod = spec["template"]["spec"]
    told = _told(order)
    for container in (*(pod.get("initContainers") or []), *pod["containers"]):
        ours = [one for one in container.get("env") or [] if one.get("name") not in told]
        container["env"] = [*ours, *({"name": name, "value": value} for name, value in told.items())]
    return job


def _mark(one: dict[str, Any], order: Order) -> None:
    """Label an object with the run; its annotations say of which model, which may be any text."""
    metadata = one["metadata"] = dict(one.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), RUN: order.run}
    about = {"foldwatch/model": order.model, "foldwatch/version": order.version}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **about}


def _told(order: Order) -> dict[str, str]:
    """Return the environment of every container: the names are those of the action `command`."""
    return {
        "FOLDWATCH_RUN": order.run,
        "FOLDWATCH_MODEL": order.model,
        "FOLDWATCH_VERSION": order.version,
        "FOLDWATCH_CANDIDATE_VERSION": order.candidate_version,
    }


def standing(job: Mapping[str, Any]) -> Standing:
    """Return how a Job stands, from its conditions: only Complete and Failed are an end, whatever its counts say."""
    status = job.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("status") != "True" or condition.get("type") not in {"Complete", "Failed"}:
            continue
        if condition["type"] == "Complete":
            return Standing(State.SUCCEEDED, "complete")
        reason = condition.get("reason") or "Failed"
        text = plain_text(f"{reason}: {condition.get('message') or 'it does not say why'}")
        return Standing(State.TIMED_OUT if reason == "DeadlineExceeded" else State.FAILED, text)
    return Standing(None, f"{status.get('active') or 0} active, {status.get('failed') or 0} failed")


def last_words(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what the youngest pod's containers say of their end, or what they wait for; None: nothing to tell."""
    for pod in sorted(pods, key=lambda one: str(one["metadata"].get("creationTimestamp")), reverse=True):
        status = pod.get("status") or {}
        said = [
            text
            for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or []))
            for text in _container_words(container)
        ]
        if not said and status.get("message"):
            said = [str(status["message"])]
        if said:
            return plain_text(f"pod {pod['metadata'].get('name')}: {'; '.join(said)}")
    return None


def _container_words(container: Mapping[str, Any]) -> Sequence[str]:
    """Return what one container's status says, where it did not end well."""
    for where in ("state", "lastState"):
        state = container.get(where) or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended and ended.get("exitCode"):
            message = ended.get("message") or ended.get("reason") or ""
            return [f"{container.get('name')} ended with {ended['exitCode']}" + (f": {message}" if message else "")]
        if waiting and waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            return [f"{container.get('name')} waits: {waiting['reason']} {waiting.get('message') or ''}".strip()]
    return []


def plain_text(text: str) -> str:
    """Return one line of printable characters; of a longer text the end, where programs say why they died."""
    line = " ".join(re.sub(r"[^\S ]|[^\x20-\x7e\u00a0-\U0010ffff]", " ", text).split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN // 3]} … {line[-_SHOWN * 2 // 3 :]}"
