"""What has to hold of everything that is rendered: a check a function, which returns what it finds wrong.

tests/deploy/test_kubernetes_mutations.py shows that each of them can find something.
"""

from __future__ import annotations

import re
from collections import Counter

from rendered import FOLDER, matches
from restricted import restricted

from monitor import __version__

_RECOMMENDED = {f"app.kubernetes.io/{word}" for word in ("name", "instance", "component", "part-of", "version")}
_VERSION = "app.kubernetes.io/version"
_SECURITY = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SECRET = re.compile(r"password|passwd|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_LEAST_STARTUP = 60
_LONGEST_END = 10
"""Seconds that `foldwatch run` takes to end, at most: its help says so."""
_TMP = "/tmp"  # noqa: S108 - the pod's own
_CLUSTER_WIDE = {"Namespace"}
REVALIDATE = "foldwatch-revalidate"
"""The CronJob, its account, and its rights: tests/support/revalidate_checks.py is about them."""


def size(text):
    """Bytes of `512Mi`."""
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", text).groups()
    return int(number) * _UNITS[unit]


def duration(text):
    """Seconds of `30s` or `1m`."""
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def pod_security(rendered):
    """K4: the restricted standard, as Kubernetes publishes it, for whatever starts pods."""
    for one in rendered.all("StatefulSet", "Deployment", "DaemonSet", "Job", "Pod", "CronJob"):
        if one["kind"] == "CronJob":
            yield from restricted(one["spec"]["jobTemplate"]["spec"]["template"]["spec"])
        elif one["kind"] == "StatefulSet":
            yield from restricted(one["spec"]["template"]["spec"])
        else:
            yield f"{one['kind']} {one['metadata']['name']}: only a StatefulSet was expected"


def hardened(rendered):
    """K4: what goes beyond the standard."""
    pod, security = rendered.pod, rendered.pod["securityContext"]
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        if not isinstance(security.get(name), int) or security[name] < 10_000:
            yield f"{name} is below 10000"
    if security.get("fsGroupChangePolicy") != "OnRootMismatch":
        yield "a large volume changes its owner at every start"
    if rendered.container["securityContext"].get("readOnlyRootFilesystem") is not True:
        yield "the root file system can be written"
    account = next(
        (one for one in rendered.all("ServiceAccount") if one["metadata"]["name"] == pod.get("serviceAccountName")), {}
    )
    if pod.get("automountServiceAccountToken") is not False or account.get("automountServiceAccountToken") is not False:
        yield "a token of the API server lies in the pod"
    if not account:
        yield "no service account of its own"
    granted = rendered.all("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    if any(one["metadata"]["name"] != REVALIDATE or one["kind"].startswith("Cluster") for one in granted):
        yield "rights that nobody needs"
    if pod.get("initContainers") or pod.get("ephemeralContainers"):
        yield "more containers than one"


def namespaces(rendered):
    """K4: everything in one namespace, which demands the restricted standard of whoever comes later too."""
    for one in rendered.all("Namespace"):
        if not _SECURITY.items() <= one["metadata"].get("labels", {}).items():
            yield "the namespace does not demand restricted pods"
        elsewhere = [
            other["metadata"]["name"]
            for other in rendered.objects
            if other["kind"] not in _CLUSTER_WIDE and other["metadata"].get("namespace") != one["metadata"]["name"]
        ]
        yield from (f"{name} is in another namespace" for name in elsewhere)


def state(rendered):
    """K2: one pod that keeps its volume, with a name of its own."""
    if rendered.all("Deployment", "DaemonSet"):
        yield "a deployment and a volume for one pod lock each other out"
    spec = rendered.stateful_set["spec"]
    if spec["replicas"] != 1:
        yield "a second pod would read the same events again"
    headless = [one for one in rendered.all("Service") if one["metadata"]["name"] == spec["serviceName"]]
    if not headless or headless[0]["spec"].get("clusterIP") != "None":
        yield "serviceName names no headless Service"
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
    where = [mount["mountPath"] for mount in rendered.container["volumeMounts"] if mount["name"] in claims]
    store = rendered.settings.store
    if len(where) != 1 or store is None or where[0] not in map(str, store.parents):
        yield "the state does not lie on the volume that is claimed"
    if "Delete" in spec.get("persistentVolumeClaimRetentionPolicy", {}).values():
        yield "the volume goes with the pod"


def probes(rendered):
    """K3: three probes with three meanings on the listener that needs no certificate."""
    container = rendered.container
    asked = {name: container.get(f"{name}Probe", {}) for name in ("startup", "liveness", "readiness")}
    paths = {"startup": "/-/healthy", "liveness": "/-/healthy", "readiness": "/-/ready"}
    for name, probe in asked.items():
        got = probe.get("httpGet", {})
        if got.get("path") != paths[name] or got.get("scheme", "HTTP") != "HTTP" or got.get("port") != "probes":
            yield f"the {name} probe does not ask {paths[name]} of the plain listener"
        if probe.get("timeoutSeconds", 1) > probe.get("periodSeconds", 10):
            yield f"the {name} probe waits longer than its period"
    if (
        asked["startup"]
        and asked["startup"].get("failureThreshold", 3) * asked["startup"].get("periodSeconds", 10) < _LEAST_STARTUP
    ):
        yield "there is no time to open a large state"
    if container.get("lifecycle"):
        yield "SIGTERM is all that the daemon needs"
    if rendered.pod.get("terminationGracePeriodSeconds", 30) <= _LONGEST_END:
        yield "the pod is killed before it had its time to end"


def resources(rendered):
    """K5: memory that is granted is memory that may be used, and every kind has its bound."""
    told = rendered.container["resources"]
    requests, limits = told["requests"], told["limits"]
    if requests.get("memory") is None or requests.get("memory") != limits.get("memory"):
        yield "memory asked for is not memory allowed"
    if requests.get("cpu") is None:
        yield "no processor is asked for"
    empty = [volume["emptyDir"] for volume in rendered.pod["volumes"] if "emptyDir" in volume]
    if any("sizeLimit" not in one for one in empty):
        yield "an empty volume has no limit"
    if limits.get("ephemeral-storage") is None or requests.get("ephemeral-storage") is None:
        yield "no bound of what is written beside the state"
    elif sum(size(one["sizeLimit"]) for one in empty if "sizeLimit" in one) > size(limits["ephemeral-storage"]):
        yield "the empty volumes alone pass the bound"


def disruptions(rendered):
    """K6: a drain gets through."""
    budgets = [one["spec"] for one in rendered.all("PodDisruptionBudget")]
    hit = [spec for spec in budgets if matches(spec["selector"], rendered.labels)]
    if len(hit) != 1:
        yield f"{len(hit)} disruption budgets are about the pod"
    for spec in hit:
        if spec.get("maxUnavailable") != 1 or "minAvailable" in spec:
            yield "a node with the pod cannot be drained"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield "a pod that is not ready holds up a drain"


def services(rendered):
    """K11: Services lead to the pod, by the name of a port that it has."""
    for one in rendered.all("Service"):
        name, spec = one["metadata"]["name"], one["spec"]
        if not spec.get("selector") or not matches({"matchLabels": spec["selector"]}, rendered.labels):
            yield f"Service {name} does not lead to the pod"
        for port in spec["ports"]:
            if rendered.ports.get(port["targetPort"]) != port["port"]:
                yield f"port {port['port']} of Service {name} is not what the pod calls {port['targetPort']}"
        if spec.get("type", "ClusterIP") != "ClusterIP":
            yield f"Service {name} shows the pod to the world"
    if not matches(rendered.stateful_set["spec"]["selector"], rendered.labels):
        yield "the StatefulSet does not know its own pod"


def ports(rendered):
    """K11: the pod's ports are those that the configuration listens on, where others reach them."""
    server = rendered.settings.server
    for name, address in (("http", server.listen), ("probes", server.probes)):
        if address is None or rendered.ports.get(name) != address[1]:
            yield f"port {name} is not what the configuration says"
        elif address[0] not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            yield f"nobody outside of the pod reaches {name}"
    if set(rendered.ports) != {"http", "probes"}:
        yield "a port that nobody needs"


def labels(rendered):
    """K11: the recommended labels; what cannot be changed later knows no version."""
    kinds = ("ServiceAccount", "ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget", "CronJob", "Role")
    for one in rendered.all(*kinds, "RoleBinding", "PersistentVolumeClaim"):
        own = one["metadata"].get("labels", {})
        if own.get("grafana_dashboard") is None and not own.keys() >= _RECOMMENDED:
            yield f"{one['kind']} {one['metadata']['name']} lacks labels"
    if not rendered.labels.keys() >= _RECOMMENDED:
        yield "the pod lacks labels"
    spec = rendered.stateful_set["spec"]
    fixed = [
        spec["selector"]["matchLabels"],
        *(claim["metadata"].get("labels", {}) for claim in spec["volumeClaimTemplates"]),
    ]
    fixed += [one["spec"].get("selector", {}) for one in rendered.all("Service")]
    if any(_VERSION in one for one in fixed):
        yield "a selector or a claim knows the version, so that no upgrade gets through"


def images(rendered):
    """D3, K11: a version of ours, which labels name too, and no digest that nobody looked up."""
    name, _, tag = rendered.container["image"].rpartition(":")
    if tag in {"", "latest"} or "/" in tag or not name:
        yield "the image has no tag that stays what it is"
    elif tag != __version__ and "@" not in name:
        yield "the image is of another version than this checkout"
    if "@" in rendered.container["image"]:
        yield "a digest that nobody looked up"
    if rendered.labels.get(_VERSION) != tag:
        yield "labels and image tell different versions"


def secrets(rendered):
    """K11: secrets are files, which come from Secrets that are not in here."""
    if rendered.all("Secret"):
        yield "a Secret lies beside what everybody may read"
    for variable in rendered.container.get("env", []):
        if "valueFrom" in variable or _SECRET.search(variable["name"]):
            yield f"variable {variable['name']} may be a secret"
    if rendered.container.get("envFrom"):
        yield "whole objects become variables"
    for one in rendered.all("ConfigMap"):
        if "PRIVATE KEY" in str(one.get("data")):
            yield f"ConfigMap {one['metadata']['name']} holds a key"
    if _SECRET.search(" ".join(map(str, rendered.container.get("args", [])))):
        yield "the command line may hold a secret"


def mounts(rendered):
    """K4, K11: what is read cannot be written; what is written are the state and /tmp; what is named is there."""
    volumes = {volume["name"]: volume for volume in rendered.pod["volumes"]}
    claims = {claim["metadata"]["name"] for claim in rendered.stateful_set["spec"]["volumeClaimTemplates"]}
    for mount in rendered.container["volumeMounts"]:
        writable = not mount.get("readOnly", False)
        fine = mount["name"] in claims or (mount["mountPath"] == _TMP and "emptyDir" in volumes.get(mount["name"], {}))
        if writable and not fine:
            yield f"{mount['mountPath']} can be written"
        if mount["name"] not in volumes.keys() | claims:
            yield f"{mount['mountPath']} has no volume"
        if "subPath" in mount:
            yield f"{mount['mountPath']} does not follow a renewed certificate"
    for volume in volumes.values():
        if (
            volume.keys() - {"name"} <= {"projected", "emptyDir"}
            and volume.get("projected", {}).get("defaultMode", 0) & 0o007
        ):
            yield f"everybody may read {volume['name']}"
        if not volume.keys() - {"name"} <= {"projected", "emptyDir"}:
            yield f"volume {volume['name']} is of a kind that nobody asked for"
    missing = [path for path in _named(rendered.settings) if not path.is_file()]
    yield from (f"{FOLDER}/{path.relative_to(rendered.folder)} is named and not there" for path in missing)


def _named(settings):
    """The files that a configuration names, but for those of Alertmanager."""
    security, server = settings.source.security, settings.server
    yield from (path for model in settings.models.values() for path in model.baseline.values())
    named = [security.password_file, security.token_file, security.ca_file, security.cert_file, security.key_file]
    named += [security.key_password_file]
    if server.tls is not None:
        named += [server.tls.cert_file, server.tls.key_file, server.tls.client_ca_file]
    if server.auth is not None:
        named += [server.auth.bearer_token_file, server.auth.basic_users_file]
    yield from (path for path in named if path is not None)


def rolls(rendered):
    """K11: the configuration's name changes with what is in it."""
    for source in rendered.sources:
        name = source.get("configMap", {}).get("name")
        if name is not None and not re.fullmatch(r"foldwatch(-revalidate-job)?-[a-z0-9]{10}", name):
            yield "a changed configuration does not roll the pod"
    if rendered.stateful_set["spec"].get("updateStrategy", {}).get("type") != "RollingUpdate":
        yield "a changed configuration waits for somebody to delete the pod"


def names(rendered):
    """Nothing is there twice."""
    found = Counter((one["kind"], one["metadata"]["name"]) for one in rendered.objects)
    yield from (f"{kind} {name} is there {count} times" for (kind, name), count in found.items() if count > 1)
