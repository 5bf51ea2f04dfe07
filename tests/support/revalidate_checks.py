"""What has to hold of the CronJob `foldwatch-revalidate` and of its rights: checks like those of pod_checks.py."""

from __future__ import annotations

from pod_checks import FOLDER, REVALIDATE, size
from rendered import matches
from traffic_checks import REVALIDATION_WAYS, ways_of

RIGHTS = {("batch", "jobs"): {"create", "get", "delete"}, ("", "pods"): {"list"}}
"""What monitor/revalidate/actions/kubernetes.py asks for; tests/support/fake_kubernetes.py refuses the rest."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_ANSWER = 1
"""The exit code that says rejected or failed: asked again it would be the same."""


def schedule(rendered):
    """K9: one at a time, an end for each, what is missed is not piled up, and what happened can be looked at."""
    for one in rendered.all("CronJob"):
        spec, job = one["spec"], one["spec"]["jobTemplate"]["spec"]
        if spec.get("concurrencyPolicy") != "Forbid":
            yield "two may work at once"
        if not spec.get("timeZone"):
            yield "the hour depends on the node"
        if not 60 <= spec.get("startingDeadlineSeconds", 0) < 3600:
            yield "a run that was missed is piled up, or never made good"
        if spec.get("successfulJobsHistoryLimit") is None or spec.get("failedJobsHistoryLimit") is None:
            yield "nobody knows how many ended runs stay"
        if "ttlSecondsAfterFinished" in job:
            yield "ended runs vanish before somebody looked at them"
        limits = [
            model.revalidation.action.time_limit for model in rendered.settings.models.values() if model.revalidation
        ]
        if not limits or job.get("activeDeadlineSeconds", 0) * 1_000 <= max(limits):
            yield "it is ended before its action may end, or never"
        if job.get("backoffLimit") is None or job["template"]["spec"].get("restartPolicy") != "Never":
            yield "it is tried again without an end"
        codes = [rule.get("onExitCodes", {}).get("values") for rule in job.get("podFailurePolicy", {}).get("rules", [])]
        if [_ANSWER] not in codes:
            yield "an answer is taken for a failure and asked again"


def _pod(job):
    """The spec of its pod."""
    return job["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def shut_in(rendered):
    """K4: the same hardening as the daemon's, an account of its own, and a bound for what it takes."""
    for pod in map(_pod, rendered.all("CronJob")):
        (container,) = pod["containers"]
        if container["securityContext"] != rendered.container["securityContext"]:
            yield "its container is shut in otherwise than the daemon's"
        if pod["securityContext"] != rendered.pod["securityContext"]:
            yield "its pod is shut in otherwise than the daemon's"
        if pod.get("automountServiceAccountToken") is not False:
            yield "a token of the API server lies in the pod without being asked for"
        accounts = [one["metadata"]["name"] for one in rendered.all("ServiceAccount")]
        if pod.get("serviceAccountName") != REVALIDATE or REVALIDATE not in accounts:
            yield "it has no account of its own"
        told = container["resources"]
        if told["requests"].get("memory") is None or told["requests"]["memory"] != told["limits"].get("memory"):
            yield "memory asked for is not memory allowed"
        if container["image"] != rendered.container["image"]:
            yield "it is of another image than the daemon"


def sees(rendered):
    """K4, K11: no state, no private key, no secret in its environment, and nothing that it writes but /tmp."""
    claimed = {one["metadata"]["name"] for one in rendered.all("PersistentVolumeClaim")}
    for pod in map(_pod, rendered.all("CronJob")):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            if not mount.get("readOnly") and "emptyDir" not in volume:
                yield f"{mount['mountPath']} can be written"
            if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] not in claimed:
                yield f"{mount['mountPath']} is a volume that nobody claims, or the state's"
        if "tls.key" in str(volumes):
            yield "it has the daemon's private key"
        if any("secret" in str(variable.get("valueFrom", {})).lower() for variable in container.get("env", [])):
            yield "a secret is in its environment"
        empty = [size(one["emptyDir"].get("sizeLimit", "0Gi")) for one in volumes.values() if "emptyDir" in one]
        if 0 in empty or sum(empty) > size(container["resources"]["limits"].get("ephemeral-storage", "0Gi")):
            yield "an empty volume has no limit"


def asks(rendered):
    """It runs our command with the daemon's own configuration, and finds everything that is named."""
    command = ["foldwatch", "revalidate", "--config", f"{FOLDER}/foldwatch.yaml"]
    for pod in map(_pod, rendered.all("CronJob")):
        (container,) = pod["containers"]
        if [*container["command"], *container["args"]] != command:
            yield "it runs something else"
        (sources,) = (one["projected"]["sources"] for one in pod["volumes"] if one["name"] == "configuration")
        configured = [source["configMap"]["name"] for source in sources if "configMap" in source]
        if rendered.sources[0]["configMap"]["name"] not in configured:
            yield "it reads another configuration than the daemon"
        there = {item["path"] for source in sources for kind in source.values() for item in kind["items"]}
        named = {str(path.relative_to(rendered.folder)) for path in _named(rendered.settings)}
        yield from (f"{path} is named and not there" for path in sorted(named - there))


def _named(settings):
    """The files that the command reads beside the configuration."""
    yield from (path for path in (settings.daemon.token_file, settings.daemon.ca_file) if path is not None)
    for model in settings.models.values():
        for key in ("template", "secret_file", "token_file"):
            path = getattr(model.revalidation.action, key, None)
            if path is not None:
                yield path


def reaches(rendered):
    """K11: it asks where the daemon answers, with the token that is wanted, and nobody takes it for the daemon."""
    for job in rendered.all("CronJob"):
        settings, labels = rendered.settings, job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        scheme, _, host = (settings.daemon.url or "").partition("://")
        service, _, port = host.partition(":")
        ports = {one["metadata"]["name"]: one["spec"]["ports"] for one in rendered.all("Service")}
        if port not in [str(one["port"]) for one in ports.get(service, [])]:
            yield "it asks somewhere else than the daemon answers"
        if scheme != ("https" if settings.server.tls else "http"):
            yield "it asks by another scheme than the one that is served"
        if settings.server.auth is None or settings.server.auth.bearer_token_file != settings.daemon.token_file:
            yield "it shows another token than the daemon wants"
        selectors = [{"matchLabels": one["spec"]["selector"]} for one in rendered.all("Service")]
        selectors += [one["spec"]["selector"] for one in rendered.all("PodDisruptionBudget", "StatefulSet")]
        if any(matches(selector, labels) for selector in selectors):
            yield "it is taken for the daemon"


def talks(rendered):
    """K7: nobody asks it anything; it asks names, the daemon, and where its action goes."""
    for one in rendered.all("CronJob"):
        labels = one["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        own = [p["spec"] for p in rendered.all("NetworkPolicy") if matches(p["spec"]["podSelector"], labels)]
        own = [spec for spec in own if spec["podSelector"]]
        if not own or any({"Ingress", "Egress"} - set(spec["policyTypes"]) for spec in own):
            yield "it may talk to everybody"
        if any(spec.get("ingress") for spec in own):
            yield "somebody may ask it something"
        got = {way for spec in own for rule in spec.get("egress", []) for way in ways_of(rule, "to")}
        kind = {model.revalidation.action.kind for model in rendered.settings.models.values()}
        wanted = set().union(*(REVALIDATION_WAYS[one] for one in kind))
        yield from (f"another way out than it needs: {way}" for way in sorted(got - wanted))
        yield from (f"a way out that is missing: {way}" for way in sorted(wanted - got))


def rights(rendered):
    """The Role is for the account of the CronJob, and says what the action does, in its namespace alone."""
    roles, bindings = rendered.all("Role"), rendered.all("RoleBinding")
    asked = {model.revalidation.action.kind for model in rendered.settings.models.values() if model.revalidation}
    if bool(roles) != ("kubernetes-job" in asked):
        yield "rights without an action that needs them, or an action without its rights"
    for role in roles:
        granted = {
            (group, what): set(rule["verbs"])
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for what in rule["resources"]
        }
        if granted != RIGHTS:
            yield f"other rights than the action needs: {granted}"
    if len(roles) != len(bindings):
        yield "a role that nobody has, or a binding without one"
    for binding in bindings:
        subjects = [(one["kind"], one["name"]) for one in binding["subjects"]]
        if subjects != [("ServiceAccount", REVALIDATE)] or binding["roleRef"]["name"] != REVALIDATE:
            yield "somebody else has the rights"
    tokens = [job for job in rendered.all("CronJob") if "serviceAccountToken" in str(job)]
    if bool(tokens) != bool(roles):
        yield "a token without rights, or rights without a token"
    for job in tokens:
        mounts = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        if _ACCOUNT not in {mount["mountPath"] for mount in mounts}:
            yield "the token lies where nobody looks for it"
