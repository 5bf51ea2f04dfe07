"""What can be wrong with what components/revalidate-job brings: (check, what it says, the mistake)."""

from __future__ import annotations

from kubernetes_changes import added, configured, of
from pod_checks import REVALIDATE


def of_job(change):
    return lambda rendered: change(rendered.the("CronJob", REVALIDATE)["spec"])


def of_job_pod(change):
    return of_job(lambda spec: change(spec["jobTemplate"]["spec"]["template"]["spec"]))


def of_job_container(change):
    return of_job_pod(lambda pod: change(pod["containers"][0]))


def of_role(change):
    return of("Role", lambda role: change(role["rules"]), REVALIDATE)


def shared(pod):
    pod["volumes"].append({"name": "state", "persistentVolumeClaim": {"claimName": "state-foldwatch-0"}})
    pod["containers"][0]["volumeMounts"].append({"name": "state", "mountPath": "/state", "readOnly": True})


def unaccounted(pod):
    pod["volumes"] = [one for one in pod["volumes"] if one["name"] != "account"]
    container = pod["containers"][0]
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] != "account"]


REVALIDATION = [
    ("schedule", "two may work at once", of_job(lambda s: s.update(concurrencyPolicy="Replace"))),
    ("schedule", "the hour depends on the node", of_job(lambda s: s.pop("timeZone"))),
    (
        "schedule",
        "a run that was missed is piled up, or never made good",
        of_job(lambda s: s.pop("startingDeadlineSeconds")),
    ),
    ("schedule", "nobody knows how many ended runs stay", of_job(lambda s: s.pop("failedJobsHistoryLimit"))),
    (
        "schedule",
        "ended runs vanish before somebody looked at them",
        of_job(lambda s: s["jobTemplate"]["spec"].update(ttlSecondsAfterFinished=60)),
    ),
    (
        "schedule",
        "it is ended before its action may end, or never",
        of_job(lambda s: s["jobTemplate"]["spec"].update(activeDeadlineSeconds=7200)),
    ),
    ("schedule", "it is tried again without an end", of_job_pod(lambda p: p.update(restartPolicy="OnFailure"))),
    (
        "schedule",
        "an answer is taken for a failure and asked again",
        of_job(lambda s: s["jobTemplate"]["spec"].pop("podFailurePolicy")),
    ),
    (
        "pod_security",
        "revalidate may gain privileges",
        of_job_container(lambda c: c["securityContext"].pop("allowPrivilegeEscalation")),
    ),
    (
        "shut_in",
        "its container is shut in otherwise than the daemon's",
        of_job_container(lambda c: c["securityContext"].update(readOnlyRootFilesystem=False)),
    ),
    (
        "shut_in",
        "its pod is shut in otherwise than the daemon's",
        of_job_pod(lambda p: p["securityContext"].update(runAsUser=0)),
    ),
    (
        "shut_in",
        "a token of the API server lies in the pod without being asked for",
        of_job_pod(lambda p: p.pop("automountServiceAccountToken")),
    ),
    ("shut_in", "it has no account of its own", of_job_pod(lambda p: p.update(serviceAccountName="foldwatch"))),
    (
        "shut_in",
        "memory asked for is not memory allowed",
        of_job_container(lambda c: c["resources"]["limits"].pop("memory")),
    ),
    ("shut_in", "it is of another image than the daemon", of_job_container(lambda c: c.update(image="foldwatch"))),
    (
        "sees",
        "/results can be written",
        of_job_container(lambda c: c["volumeMounts"][-1].pop("readOnly")),
    ),
    ("sees", "/state is a volume that nobody claims, or the state's", of_job_pod(shared)),
    (
        "sees",
        "it has the daemon's private key",
        of_job_pod(
            lambda p: p["volumes"][0]["projected"]["sources"][1]["secret"]["items"].append(
                {"key": "tls.key", "path": "tls/tls.key"}
            )
        ),
    ),
    (
        "sees",
        "a secret is in its environment",
        of_job_container(
            lambda c: c["env"].append({"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})
        ),
    ),
    ("sees", "an empty volume has no limit", of_job_pod(lambda p: p["volumes"][1]["emptyDir"].pop("sizeLimit"))),
    ("asks", "it runs something else", of_job_container(lambda c: c["args"].append("--force"))),
    (
        "asks",
        "it reads another configuration than the daemon",
        of_job_pod(lambda p: p["volumes"][0]["projected"]["sources"][0]["configMap"].update(name="foldwatch")),
    ),
    (
        "asks",
        "revalidate/job.yaml is named and not there",
        of_job_pod(lambda p: p["volumes"][0]["projected"]["sources"].pop()),
    ),
    (
        "reaches",
        "it asks somewhere else than the daemon answers",
        configured("https://foldwatch:9464", "https://foldwatch:9465"),
    ),
    (
        "reaches",
        "it asks by another scheme than the one that is served",
        configured("https://foldwatch:9464", "http://foldwatch:9464"),
    ),
    (
        "reaches",
        "it shows another token than the daemon wants",
        configured("token_file: secrets/token, ca_file", "token_file: secrets/other, ca_file"),
    ),
    (
        "reaches",
        "it is taken for the daemon",
        of_job(
            lambda s: s["jobTemplate"]["spec"]["template"]["metadata"]["labels"].update(
                {"app.kubernetes.io/name": "foldwatch"}
            )
        ),
    ),
    ("talks", "it may talk to everybody", of("NetworkPolicy", lambda n: n["spec"]["policyTypes"].pop(), REVALIDATE)),
    (
        "talks",
        "somebody may ask it something",
        of("NetworkPolicy", lambda n: n["spec"].update(ingress=[{}]), REVALIDATE),
    ),
    (
        "talks",
        "another way out than it needs: ",
        of("NetworkPolicy", lambda n: n["spec"]["egress"].append({}), REVALIDATE),
    ),
    ("talks", "a way out that is missing: ", of("NetworkPolicy", lambda n: n["spec"]["egress"].pop(1), REVALIDATE)),
    ("rights", "other rights than the action needs: ", of_role(lambda rules: rules[0]["verbs"].append("list"))),
    ("rights", "other rights than the action needs: ", of_role(lambda rules: rules[0]["resources"].append("secrets"))),
    (
        "rights",
        "somebody else has the rights",
        of("RoleBinding", lambda b: b["subjects"][0].update(name="foldwatch"), REVALIDATE),
    ),
    (
        "rights",
        "rights without an action that needs them, or an action without its rights",
        lambda rendered: rendered.objects.remove(rendered.the("Role", REVALIDATE)),
    ),
    ("rights", "a token without rights, or rights without a token", of_job_pod(unaccounted)),
    (
        "hardened",
        "rights that nobody needs",
        added(kind="ClusterRole", metadata={"name": "foldwatch-revalidate", "namespace": "here"}),
    ),
]
"""The same for what components/revalidate-job brings."""
