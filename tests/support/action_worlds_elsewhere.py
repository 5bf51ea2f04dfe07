"""The kinds of action that have it done elsewhere, each in a world on loopback: for tests/contracts."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import yaml
from action_kinds import LONG, NO_LUCK, RESULT, baseline_bytes
from fake_kubernetes import COMPLETE, FakeKubernetes, failed
from loopback import Loopback, Reply

from monitor.config.revalidation import KubernetesAction, WebhookAction
from monitor.revalidate.actions.made import action_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from action_kinds import World

    from monitor.revalidate.actions.action import Action

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "retrain"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "retrain", "image": "r:1"}]}}},
}


class WebhookWorld(Loopback):
    """A receiver that does by the path what it is asked, once for each key."""

    reads_result = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: set[str] = set()
        super().__init__(self._answer)

    def _answer(self, request):
        if request.path == "/bad":
            return Reply(400, NO_LUCK.encode())
        key = request.headers["idempotency-key"]
        if request.path == "/good" and key not in self.keys:
            (self.folder / RESULT).write_bytes(baseline_bytes())
        self.keys.add(key)
        return Reply(202)

    def made(self, path: str, time_limit: int = LONG) -> Action:
        return action_of(WebhookAction(f"{self.url}/{path}", result=self.folder / RESULT, time_limit=time_limit))

    def good(self) -> Action:
        return self.made("good")

    def bad(self) -> Action:
        return self.made("bad")

    def endless(self, time_limit: int = LONG) -> Action:
        return self.made("idle", time_limit)

    def idle(self, time_limit: int = LONG) -> Action:
        return self.made("idle", time_limit)

    def begun(self) -> int:
        return len(self.keys)


class KubernetesWorld(FakeKubernetes):
    """A cluster whose Jobs end as the test wants them to, and by their deadline."""

    reads_result = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "job.yaml").write_text(yaml.safe_dump(JOB))
        self.at: dict[str, float] = {}
        self.writes = False
        """Whether a Job leaves its result behind as soon as it begins."""
        super().__init__()

    def _create(self, namespace, request, query):
        before = len(self.created)
        reply = super()._create(namespace, request, query)
        if self.writes and len(self.created) > before:
            (self.folder / RESULT).write_bytes(baseline_bytes())
        return reply

    def _of(self, namespace, name, verb, query):
        if verb == "get" and self.statuses == [{"active": 1}] and (namespace, name) in self.jobs:
            since = self.at.setdefault(name, time.monotonic())
            if time.monotonic() - since > self.jobs[namespace, name]["spec"]["activeDeadlineSeconds"]:
                self.statuses = [failed("DeadlineExceeded", "Job was active longer than specified deadline")]
        return super()._of(namespace, name, verb, query)

    def made(self, status: dict, time_limit: int = LONG) -> Action:
        self.statuses = [status]
        settings = KubernetesAction(self.folder / "job.yaml", result=self.folder / RESULT, time_limit=time_limit)
        return action_of(settings)

    def good(self) -> Action:
        self.writes = True
        return self.made(COMPLETE)

    def bad(self) -> Action:
        return self.made(failed("BackoffLimitExceeded", NO_LUCK))

    def endless(self, time_limit: int = LONG) -> Action:
        return self.made({"active": 1}, time_limit)

    def idle(self, time_limit: int = LONG) -> Action:
        return self.made(COMPLETE, time_limit)

    def begun(self) -> int:
        return len(self.created)


@contextmanager
def _webhook(folder: Path) -> Iterator[World]:
    with WebhookWorld(folder) as world:
        yield world


@contextmanager
def _kubernetes(folder: Path) -> Iterator[World]:
    with KubernetesWorld(folder) as world, patch.dict(os.environ, {"KUBECONFIG": str(world.kubeconfig(folder))}):
        yield world


ELSEWHERE: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "webhook": _webhook,
    "kubernetes-job": _kubernetes,
}
"""Kind -> its world in an empty folder."""
