"""What `kubectl kustomize` makes of deploy/kubernetes, and the files that the pod would find."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from monitor.config import load

if TYPE_CHECKING:
    from collections.abc import Mapping

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
COMPONENTS = ("prometheus-operator", "prometheus-rules", "tls", "grafana", "revalidate-job")
HELD = ("revalidate",)
"""Components that another one holds: alone they work too, and beside it they would be there twice."""
FOLDER = "/etc/foldwatch"


def documents(kubectl, folder):
    """The texts of a folder's objects, with no flag to kubectl; an AssertionError shows what it says against it."""
    result = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.rstrip().split("\n---\n")


def kustomize(kubectl, folder):
    """The objects of a folder."""
    return [yaml.load(text, Loader=yaml.CSafeLoader) for text in documents(kubectl, folder)]


def overlay(folder, components=(), **more):
    """Write an overlay of the base with some of our components, wherever `folder` is; return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)

    def there(path):
        return os.path.relpath(path.resolve(), folder.resolve())

    text = {
        "resources": [there(BASE)],
        "components": [there(KUBERNETES / "components" / name) for name in components],
        **more,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return folder


@dataclass(frozen=True)
class Rendered:
    """Objects that belong together, and the configuration that the pod among them runs with."""

    objects: list[dict]
    folder: Path
    """Where the pod's files lie, as below /etc/foldwatch."""

    @classmethod
    def laid_out(cls, objects, folder, secrets: Mapping[str, Mapping[str, str]] | None = None):
        """Write what the pod would see into `folder`; of a Secret the text `?`, where `secrets` knows no better."""
        rendered = cls(objects, folder)
        for path, text in rendered.files(secrets or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            (folder / path).chmod(rendered.mode)
        return rendered

    def all(self, *kinds):
        """The objects of these kinds."""
        return [one for one in self.objects if one["kind"] in kinds]

    def the(self, kind, name="foldwatch"):
        """The only object of its kind and name."""
        (found,) = (one for one in self.all(kind) if one["metadata"]["name"] == name)
        return found

    @property
    def stateful_set(self):
        return self.the("StatefulSet")

    @property
    def template(self):
        return self.stateful_set["spec"]["template"]

    @property
    def pod(self):
        return self.template["spec"]

    @property
    def labels(self):
        """Of the pod."""
        return self.template["metadata"]["labels"]

    @property
    def container(self):
        (only,) = self.pod["containers"]
        return only

    @property
    def ports(self):
        """Name -> number."""
        return {port["name"]: port["containerPort"] for port in self.container["ports"]}

    @property
    def projected(self):
        """The volume of /etc/foldwatch."""
        (mount,) = (mount for mount in self.container["volumeMounts"] if mount["mountPath"] == FOLDER)
        (volume,) = (volume for volume in self.pod["volumes"] if volume["name"] == mount["name"])
        return volume["projected"]

    @property
    def mode(self):
        """Of its files."""
        return self.projected["defaultMode"]

    @property
    def sources(self):
        """What is projected into it."""
        return self.projected["sources"]

    def files(self, secrets):
        """Path below /etc/foldwatch -> text."""
        found = {}
        for source in self.sources:
            ((kind, told),) = source.items()
            if kind == "configMap":
                keys = self.the("ConfigMap", told["name"])["data"]
            else:
                keys = {item["key"]: "?" for item in told["items"]} | dict(secrets.get(told["name"], {}))
            found.update({item["path"]: keys[item["key"]] for item in told["items"]})
        return found

    @cached_property
    def settings(self):
        """As our own loader reads them."""
        return load(self.folder / "foldwatch.yaml")


def matches(selector, labels):
    """Whether a label selector of Kubernetes takes these labels. An empty one takes all; in a Service it takes none."""
    wanted = selector.get("matchLabels", {})
    assert set(selector) <= {"matchLabels"}, "teach me matchExpressions"
    return all(labels.get(name) == value for name, value in wanted.items())
