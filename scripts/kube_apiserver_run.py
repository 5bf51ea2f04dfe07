"""The action `kubernetes-job` and what deploy/kubernetes renders, against a real kube-apiserver and etcd.

There are no controllers and no nodes: what a Job's controller would write into its status is written here, so that the
API server checks that too. Prints a line for each thing that was looked at; exit code 1 where one is wrong.
"""
# ruff: noqa: INP001, S603, T201 - a script, which starts other programs and prints

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from action_scene import ORDER, watched
from alert_stack import free_port
from http_clients import until
from rendered import overlay

from monitor.config.revalidation import KubernetesAction
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.kubernetes import NAMESPACE, OWNER_NAME, OWNER_UID, KubernetesJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = "here"
TEMPLATE = Path(__file__).parents[1] / "deploy/kubernetes/components/revalidate-job/job.yaml"
ACCOUNT = f"system:serviceaccount:{HERE}:foldwatch-revalidate"
TOKENS = f"all-of-it,admin,admin,system:masters\nits-own,{ACCOUNT},rev,\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running API server."""

    folder: Path
    port: int

    def kubeconfig(self, token: str) -> Path:
        """Return a kubeconfig that shows a token."""
        path = self.folder / f"{token}.kubeconfig"
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": f"{self.folder}/apiserver.crt"}
        context = {"cluster": "c", "user": "u", "namespace": HERE}
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "clusters": [{"name": "c", "cluster": server}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": context}],
        }
        path.write_text(yaml.safe_dump(told))
        return path

    def kubectl(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl with every right."""
        command = [shutil.which("kubectl") or "kubectl", "--kubeconfig", str(self.kubeconfig("all-of-it")), *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@contextlib.contextmanager
def cluster(programs: Path) -> Iterator[Cluster]:
    """Start both, and end them."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, etcd, peer, port = Path(name), free_port(), free_port(), free_port()
        (folder / "tokens.csv").write_text(TOKENS)
        key = str(folder / "account.key")
        subprocess.run(
            [shutil.which("openssl") or "openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True
        )
        here = f"http://127.0.0.1:{etcd}"
        listening = [f"--listen-client-urls={here}", f"--advertise-client-urls={here}"]
        begun = [
            [programs / "etcd", f"--data-dir={folder}/etcd", *listening, f"--listen-peer-urls=http://127.0.0.1:{peer}"],
            [
                *(
                    programs / "kube-apiserver",
                    f"--etcd-servers={here}",
                    f"--secure-port={port}",
                    f"--cert-dir={folder}",
                ),
                *("--bind-address=127.0.0.1", "--authorization-mode=RBAC", f"--token-auth-file={folder}/tokens.csv"),
                *("--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}"),
                *(f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24"),
            ],
        ]
        for command in begun:
            log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        running = Cluster(folder, port)
        until(lambda: running.kubectl("get", "--raw", "/readyz").stdout == "ok", 90)
        yield running


def moment() -> str:
    """Return now, as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def ended(*conditions: tuple[str, str, str], **counts: int | str) -> dict[str, Any]:
    """Return a status with conditions (type, reason, message)."""
    told = [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": moment()}
        for kind, reason, message in conditions
    ]
    return {"startTime": moment(), **counts, "conditions": told}


def act(running: Cluster, run: str, status: dict[str, Any] | None, limit: int = 60_000, *, cancel: bool = False) -> Any:  # noqa: ANN401
    """Run the action with the account's own token, and let its Job come to this end."""
    os.environ["KUBECONFIG"] = str(running.kubeconfig("its-own"))
    watch, said = watched()
    action = KubernetesJob(KubernetesAction(TEMPLATE, time_limit=limit), pause=0.2, grace=1.0)
    over: list[Any] = []
    thread = threading.Thread(target=lambda: over.append(action.run(replace(ORDER, run=run), watch)))
    thread.start()
    until(lambda: said.begun or over, 30)
    if status is not None:
        name = said.begun[0].rpartition("/")[2]
        patch = ["patch", "job", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})]
        done = running.kubectl("-n", HERE, *patch)
        if done.returncode:
            print(done.stderr)
    if cancel:
        watch.cancelled.set()
    thread.join(90)
    return over[0]


def looks(running: Cluster) -> Iterator[tuple[str, bool, str]]:
    """Yield what was looked at, whether it is as it should be, and what was said."""
    running.kubectl("create", "namespace", HERE)
    folder = overlay(running.folder / "overlay", ["revalidate-job"], namespace=HERE)
    objects = running.kubectl("kustomize", str(folder)).stdout
    missing = act(running, "a" * 16, None)
    yield "without its Role the rule that is missing is named", "verbs: [create]" in missing.reason, missing.reason
    applied = running.kubectl("apply", "--server-side", "-f", "-", text=objects)
    yield "everything that is rendered is taken", applied.returncode == 0, applied.stderr
    yield from _ends(running)
    os.environ |= {OWNER_NAME: "parent", NAMESPACE: HERE}
    running.kubectl("-n", HERE, "create", "job", "parent", "--image=x")
    os.environ[OWNER_UID] = running.kubectl("-n", HERE, "get", "job", "parent", "-o", "jsonpath={.metadata.uid}").stdout
    act(running, "9" * 16, None, 500)
    complete = ended(("SuccessCriteriaMet", "", ""), ("Complete", "", ""), succeeded=1, completionTime=moment())
    act(running, "8" * 16, complete)
    owner = "jsonpath={.metadata.ownerReferences[0].name}"
    got = running.kubectl("-n", HERE, "get", "job", f"foldwatch-retrain-churn-{'8' * 16}", "-o", owner)
    yield "the Job that runs us owns it", got.stdout == "parent", got.stdout + got.stderr


def _ends(running: Cluster) -> Iterator[tuple[str, bool, str]]:
    """Yield every end that a Job can take."""
    complete = ended(("SuccessCriteriaMet", "", ""), ("Complete", "", ""), succeeded=1, completionTime=moment())
    limit, late = ("BackoffLimitExceeded", "it failed too often"), ("DeadlineExceeded", "it took too long")
    cases: tuple[tuple[str, str, Callable[[], Any], State], ...] = (
        ("complete", "complete", lambda: act(running, "b" * 16, complete), State.HANDED_OVER),
        ("again: the same Job", "complete", lambda: act(running, "b" * 16, None), State.HANDED_OVER),
        (
            "failed",
            limit[1],
            lambda: act(running, "c" * 16, ended(("FailureTarget", *limit), ("Failed", *limit), failed=2)),
            State.FAILED,
        ),
        (
            "its deadline",
            late[1],
            lambda: act(running, "d" * 16, ended(("FailureTarget", *late), ("Failed", *late), failed=1)),
            State.TIMED_OUT,
        ),
        ("never begins", "it is deleted", lambda: act(running, "e" * 16, None, 500), State.TIMED_OUT),
        ("cancelled", "it is deleted", lambda: act(running, "f" * 16, None, cancel=True), State.CANCELLED),
    )
    for name, words, run, state in cases:
        outcome = run()
        yield name, outcome.state is state and words in outcome.reason, outcome.reason


def main() -> int:
    """Look at everything."""
    with cluster(Path(sys.argv[1])) as running:
        print(running.kubectl("version").stdout.strip())
        found = list(looks(running))
    for name, fine, said in found:
        print(f"{'as it should be' if fine else 'WRONG':<16} {name}" + ("" if fine else f": {said}"))
    return 0 if all(fine for _, fine, _ in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
