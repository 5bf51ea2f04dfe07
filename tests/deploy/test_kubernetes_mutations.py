"""Each check of what is rendered can find something: one mistake at a time, and the right check complains of it."""

from __future__ import annotations

from copy import deepcopy

import pytest
from kubernetes_changes import added, configured, mounted, of, of_container, of_pod
from kubernetes_demands import CHECKS, found
from rendered import Rendered, kustomize, overlay
from revalidate_mistakes import REVALIDATION


@pytest.fixture(scope="module")
def whole(kubectl, tmp_path_factory):
    """The base with every component, and the overlay prod's namespace around it."""
    folder = tmp_path_factory.mktemp("overlay")
    (folder / "namespace.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: here}\n")
    labels = [
        {
            "pairs": {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")},
            "fields": [{"kind": "Namespace", "path": "metadata/labels", "create": True}],
        }
    ]
    names = ("tls", "prometheus-operator", "revalidate-job")
    overlay(folder, names, namespace="here", labels=labels)
    text = (folder / "kustomization.yaml").read_text()
    (folder / "kustomization.yaml").write_text(text.replace("resources:\n", "resources:\n- namespace.yaml\n"))
    return kustomize(kubectl, folder)


def test_without_a_mistake_nothing_is_found(whole, tmp_path):
    assert found(Rendered.laid_out(whole, tmp_path)) == {}


def outward_only(rendered):
    for one in rendered.all("NetworkPolicy"):
        one["spec"]["policyTypes"] = ["Egress"]


MISTAKES = [
    (
        "pod_security",
        "foldwatch may gain privileges",
        of_container(lambda c: c["securityContext"].pop("allowPrivilegeEscalation")),
    ),
    ("pod_security", "foldwatch keeps capabilities", of_container(lambda c: c["securityContext"].pop("capabilities"))),
    (
        "pod_security",
        "foldwatch adds capabilities",
        of_container(lambda c: c["securityContext"]["capabilities"].update(add=["NET_RAW"])),
    ),
    ("pod_security", "hostNetwork is on", of_pod(lambda p: p.update(hostNetwork=True))),
    ("pod_security", "volume more is of a forbidden kind", mounted(hostPath={"path": "/"})),
    (
        "pod_security",
        "Deployment other: only a StatefulSet was expected",
        added(kind="Deployment", metadata={"name": "other", "namespace": "here"}),
    ),
    ("hardened", "runAsUser is below 10000", of_pod(lambda p: p["securityContext"].update(runAsUser=1000))),
    (
        "hardened",
        "the root file system can be written",
        of_container(lambda c: c["securityContext"].update(readOnlyRootFilesystem=False)),
    ),
    ("hardened", "a token of the API server lies in the pod", of_pod(lambda p: p.pop("automountServiceAccountToken"))),
    ("hardened", "no service account of its own", of_pod(lambda p: p.pop("serviceAccountName"))),
    (
        "hardened",
        "a large volume changes its owner at every start",
        of_pod(lambda p: p["securityContext"].pop("fsGroupChangePolicy")),
    ),
    (
        "namespaces",
        "the namespace does not demand restricted pods",
        of("Namespace", lambda n: n["metadata"]["labels"].popitem(), "here"),
    ),
    (
        "namespaces",
        "foldwatch is in another namespace",
        of("Service", lambda s: s["metadata"].update(namespace="there")),
    ),
    (
        "state",
        "serviceName names no headless Service",
        of("StatefulSet", lambda s: s["spec"].update(serviceName="foldwatch")),
    ),
    (
        "state",
        "a second pod would read the same events again",
        of("StatefulSet", lambda s: s["spec"].update(replicas=2)),
    ),
    (
        "state",
        "the state does not lie on the volume that is claimed",
        configured("/var/lib/foldwatch/state", "/elsewhere/state"),
    ),
    (
        "probes",
        "the readiness probe does not ask /-/ready of the plain listener",
        of_container(lambda c: c["readinessProbe"]["httpGet"].update(path="/-/healthy")),
    ),
    (
        "probes",
        "the liveness probe does not ask /-/healthy of the plain listener",
        of_container(lambda c: c["livenessProbe"]["httpGet"].update(port="http")),
    ),
    (
        "probes",
        "the startup probe does not ask /-/healthy of the plain listener",
        of_container(lambda c: c.pop("startupProbe")),
    ),
    (
        "probes",
        "the pod is killed before it had its time to end",
        of_pod(lambda p: p.update(terminationGracePeriodSeconds=5)),
    ),
    (
        "resources",
        "memory asked for is not memory allowed",
        of_container(lambda c: c["resources"]["requests"].update(memory="64Mi")),
    ),
    ("resources", "an empty volume has no limit", mounted(emptyDir={})),
    (
        "disruptions",
        "a node with the pod cannot be drained",
        of("PodDisruptionBudget", lambda b: b["spec"].update(minAvailable=1)),
    ),
    (
        "disruptions",
        "0 disruption budgets are about the pod",
        of("PodDisruptionBudget", lambda b: b["spec"]["selector"]["matchLabels"].update(app="x")),
    ),
    (
        "services",
        "Service foldwatch does not lead to the pod",
        of("Service", lambda s: s["spec"]["selector"].update(version="1")),
    ),
    (
        "services",
        "port 9464 of Service foldwatch is not what the pod calls web",
        of("Service", lambda s: s["spec"]["ports"][0].update(targetPort="web")),
    ),
    (
        "ports",
        "port http is not what the configuration says",
        configured("listen: 0.0.0.0:9464", "listen: 0.0.0.0:8080"),
    ),
    ("ports", "nobody outside of the pod reaches probes", configured("probes: 0.0.0.0:9465", "probes: 127.0.0.1:9465")),
    (
        "labels",
        "Service foldwatch lacks labels",
        of("Service", lambda s: s["metadata"]["labels"].pop("app.kubernetes.io/version")),
    ),
    (
        "labels",
        "a selector or a claim knows the version, so that no upgrade gets through",
        of(
            "StatefulSet",
            lambda s: s["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"].update(
                {"app.kubernetes.io/version": "0.1.0"}
            ),
        ),
    ),
    (
        "images",
        "the image has no tag that stays what it is",
        of_container(lambda c: c.update(image="foldwatch:latest")),
    ),
    ("images", "labels and image tell different versions", of_container(lambda c: c.update(image="foldwatch:9.9.9"))),
    (
        "images",
        "a digest that nobody looked up",
        of_container(lambda c: c.update(image=f"foldwatch@sha256:{'0' * 64}")),
    ),
    (
        "secrets",
        "variable TOKEN may be a secret",
        of_container(lambda c: c["env"].append({"name": "TOKEN", "value": "t"})),
    ),
    (
        "secrets",
        "variable HARMLESS may be a secret",
        of_container(
            lambda c: c["env"].append({"name": "HARMLESS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})
        ),
    ),
    (
        "secrets",
        "a Secret lies beside what everybody may read",
        added(kind="Secret", metadata={"name": "s", "namespace": "here"}),
    ),
    ("mounts", "/etc/foldwatch can be written", of_container(lambda c: c["volumeMounts"][0].pop("readOnly"))),
    (
        "mounts",
        "/etc/foldwatch/secrets/token is named and not there",
        lambda rendered: rendered.sources.remove(next(one for one in rendered.sources if "secrets/token" in str(one))),
    ),
    (
        "mounts",
        "everybody may read configuration",
        of_pod(lambda p: p["volumes"][0]["projected"].update(defaultMode=0o644)),
    ),
    (
        "rolls",
        "a changed configuration waits for somebody to delete the pod",
        of("StatefulSet", lambda s: s["spec"]["updateStrategy"].update(type="OnDelete")),
    ),
    ("policies", "Ingress is not denied", outward_only),
    ("policies", "names cannot be looked up", of("NetworkPolicy", lambda n: n["spec"]["egress"].pop(0))),
    (
        "policies",
        'another way out than to the brokers: [{}, null, "TCP"]',
        of("NetworkPolicy", lambda n: n["spec"]["egress"].append({})),
    ),
    (
        "policies",
        "another way in than that of Prometheus, or none: [",
        of("NetworkPolicy", lambda n: n["spec"].pop("ingress")),
    ),
    (
        "policies",
        "another way in than that of Prometheus, or none: [",
        of("NetworkPolicy", lambda n: n["spec"]["ingress"][0]["from"][0].pop("podSelector")),
    ),
    (
        "policies",
        "another way out than to the brokers: [{",
        configured("kafka.kafka.svc:9092", "kafka.elsewhere.svc:9092"),
    ),
    (
        "policies",
        "Egress is not denied",
        of("NetworkPolicy", lambda n: n["spec"]["podSelector"]["matchLabels"].update(app="x")),
    ),
    (
        "scraped",
        "2 Services are scraped",
        of("ServiceMonitor", lambda m: m["spec"]["selector"]["matchLabels"].pop("app.kubernetes.io/component")),
    ),
    ("scraped", "the rules ask for another job", configured("job: foldwatch", "job: other")),
    (
        "scraped",
        "scraped by another scheme than the one that is served",
        of("ServiceMonitor", lambda m: m["spec"]["endpoints"][0].update(scheme="http")),
    ),
    (
        "scraped",
        "asked without the token that is wanted, or with one that nobody wants",
        of("ServiceMonitor", lambda m: m["spec"]["endpoints"][0].pop("authorization")),
    ),
    (
        "scraped",
        "another token is shown than the one that is wanted",
        of("ServiceMonitor", lambda m: m["spec"]["endpoints"][0]["authorization"]["credentials"].update(key="other")),
    ),
    (
        "scraped",
        "a scrape may take longer than its interval",
        of("ServiceMonitor", lambda m: m["spec"]["endpoints"][0].update(scrapeTimeout="30s")),
    ),
    ("scraped", "the rules were made for another interval", configured("scrape_interval: 30s", "scrape_interval: 1m")),
    (
        "scraped",
        "a scrape has no limit, or one that a valid scrape meets",
        of("ServiceMonitor", lambda m: m["spec"].update(sampleLimit=10_000)),
    ),
    (
        "names",
        "Service foldwatch is there 2 times",
        of("Service", lambda s: s["metadata"].update(name="foldwatch"), "foldwatch-headless"),
    ),
]


MISTAKES += REVALIDATION


@pytest.mark.parametrize(("check", "complaint", "mistake"), MISTAKES, ids=[f"{c}: {what}" for c, what, _ in MISTAKES])
def test_a_mistake_is_found(check, complaint, mistake, whole, tmp_path):
    rendered = Rendered(deepcopy(whole), tmp_path)
    mistake(rendered)
    said = found(Rendered.laid_out(rendered.objects, tmp_path))
    assert any(one.startswith(complaint) for one in said.get(check, [])), said


def test_every_check_has_a_mistake_that_it_finds():
    assert {check for check, _, _ in MISTAKES} == CHECKS.keys()
