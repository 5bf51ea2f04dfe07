"""The rules as PrometheusRule objects, for the Prometheus operator: what the files hold, no rule more or less.

The folder is a Kustomization, so that an overlay takes it as one resource and adds its own labels: which a Prometheus
looks for differs from cluster to cluster.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from monitor.alerting.rules.text import group_entry, yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.alerting.rules.rule import RuleFile

FOLDER: Final = "kubernetes"
MOST_BYTES: Final = 200_000
"""Of one object's groups as JSON. `kubectl apply` notes an object in an annotation of at most 262,144 bytes."""
REFUSED_BYTES: Final = 524_288
"""From here on the operator refuses an object (v0.85, `pkg/operator/rules.go`): half of what a Secret may hold."""
_LABELS: Final = {
    "app.kubernetes.io/name": "foldwatch",
    "app.kubernetes.io/component": "rules",
    "app.kubernetes.io/part-of": "foldwatch",
}
_SAFE: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST: Final = 60
_DIGITS: Final = 10
"""Of the fingerprint that tells names apart which read alike once they are safe."""


def kubernetes_files(rules: Sequence[RuleFile], most: int = MOST_BYTES) -> Mapping[str, str]:
    """Return path below the folder of rules -> text: an object a file of rules, and the Kustomization of them all.

    A file whose groups take more than `most` bytes becomes several objects; a group is never taken apart.
    """
    objects = {}
    for file in rules:
        for number, groups in enumerate(_parts(file, most), start=1):
            name = object_name(file.path) + (f".{number}" if number > 1 else "")
            objects[f"{name}.yaml"] = yaml_text(_object(name, groups))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(objects),
    }
    return {
        f"{FOLDER}/kustomization.yaml": yaml_text(kustomization),
        **{f"{FOLDER}/{name}": text for name, text in objects.items()},
    }


def object_name(path: str) -> str:
    """Return the name of a file's object: `foldwatch`, `foldwatch-objectives`, `foldwatch-objectives-churn`.

    What Kubernetes takes for no name is made safe and gets a fingerprint, so that different files stay different.
    """
    words = list(PurePosixPath(path).with_suffix("").parts)
    if words[0] != "foldwatch":
        words.insert(0, "foldwatch")
    last = words[-1]
    if not _SAFE.fullmatch(last) or len(last) > _LONGEST:
        safe = re.sub("[^a-z0-9]+", "-", last.lower())[:_LONGEST].strip("-")
        words[-1] = f"{safe}-{hashlib.sha256(last.encode()).hexdigest()[:_DIGITS]}".strip("-")
    return "-".join(words)


def too_large(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of `files` that the operator would refuse: one group alone is larger than it takes."""
    return tuple(path for path in files if len(files[path].encode()) >= REFUSED_BYTES)


def _parts(file: RuleFile, most: int) -> Iterator[list[dict[str, Any]]]:
    """Yield a file's groups in their order, as many at a time as fit into `most` bytes, at least one."""
    held: list[dict[str, Any]] = []
    size = 0
    for group in map(group_entry, file.groups):
        own = len(json.dumps(group, ensure_ascii=False).encode())
        if held and size + own > most:
            yield held
            held, size = [], 0
        held.append(group)
        size += own
    yield held


def _object(name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": dict(_LABELS)},
        "spec": {"groups": groups},
    }
