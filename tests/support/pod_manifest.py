"""What Kubernetes is told of foldwatch's pod, as far as a machine without Kubernetes can do the same."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from image_dockerfile import Stage, stages

DEPLOY = Path(__file__).parents[2] / "deploy"
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Manifest:
    """Objects as `kubectl kustomize` renders them, and the image that they start."""

    objects: list[dict]
    image: Stage

    @classmethod
    def rendered(cls, kubectl, folder="base"):
        """`folder` is below deploy/kubernetes."""
        where = str(DEPLOY / "kubernetes" / folder)
        made = subprocess.run([kubectl, "kustomize", where], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return cls(list(yaml.safe_load_all(made.stdout)), stages((DEPLOY / "Dockerfile").read_text())[-1])

    def the(self, kind, name=None):
        """The only object of its kind, or of its kind and name."""
        (found,) = (one for one in self.objects if one["kind"] == kind and name in {None, one["metadata"]["name"]})
        return found

    @cached_property
    def stateful_set(self):
        return self.the("StatefulSet")["spec"]

    @cached_property
    def pod(self):
        return self.stateful_set["template"]["spec"]

    @cached_property
    def container(self):
        (only,) = self.pod["containers"]
        return only

    @property
    def command(self):
        """As Kubernetes puts it together: `command` stands for ENTRYPOINT and CMD, `args` for CMD alone."""
        entry, words = self.image.entrypoint, self.image.command
        if "command" in self.container:
            entry, words = self.container["command"], []
        return [*entry, *self.container.get("args", words)]

    @property
    def environment(self):
        told = self.container.get("env", [])
        assert all(set(one) == {"name", "value"} for one in told), told
        assert "envFrom" not in self.container
        return self.image.environment | {one["name"]: one["value"] for one in told}

    @property
    def folder(self):
        return self.container.get("workingDir", self.image.folder)

    @property
    def user(self):
        """(user, group, group of volumes)."""
        told = self.pod.get("securityContext", {}) | self.container.get("securityContext", {})
        group = self.pod["securityContext"]["fsGroup"]
        return told["runAsUser"], told["runAsGroup"], group

    @property
    def ports(self):
        return {port["name"]: port["containerPort"] for port in self.container["ports"]}

    def probe(self, name):
        """A probe with Kubernetes' own defaults."""
        return {"periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 1, "initialDelaySeconds": 0} | (
            self.container[f"{name}Probe"]
        )

    def mounts(self):
        """(path, volume, whether it may only be read) of each volume."""
        for mount in self.container["volumeMounts"]:
            assert "subPath" not in mount, mount
            yield mount["mountPath"], self.volume(mount["name"]), mount.get("readOnly", False)

    def volume(self, name):
        """What stands in the pod under this name."""
        claims = {claim["metadata"]["name"]: claim for claim in self.stateful_set.get("volumeClaimTemplates", [])}
        if name in claims:
            return {"claim": claims[name]["spec"]}
        (found,) = (volume for volume in self.pod["volumes"] if volume["name"] == name)
        return found

    def files_of(self, volume, secrets):
        """Path -> text of a volume's files; `secrets`: name -> key -> text, which nobody can render."""
        found = {}
        sources = volume.get("projected", {}).get("sources") or [volume]
        for source in sources:
            if "configMap" in source:
                told = source["configMap"]
                keys = self.the("ConfigMap", told["name"]).get("data", {})
            elif "secret" in source:
                told = source["secret"]
                keys = secrets.get(told.get("name") or told.get("secretName"), {})
            else:
                continue
            items = told.get("items") or [{"key": key, "path": key} for key in keys]
            found.update({item["path"]: keys[item["key"]] for item in items if item["key"] in keys})
        return found

    @property
    def configuration(self):
        """The text of foldwatch.yaml, as the pod finds it."""
        for path, volume, _ in self.mounts():
            for name, text in self.files_of(volume, {}).items():
                if f"{path}/{name}" == "/etc/foldwatch/foldwatch.yaml":
                    return text
        message = "no volume holds /etc/foldwatch/foldwatch.yaml"
        raise AssertionError(message)


def quantity(text):
    """Bytes of `512Mi`."""
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", str(text)).groups()
    return int(number) * _UNITS[unit]
