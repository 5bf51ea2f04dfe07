"""Who may talk to whom, and who is scraped: checks of what is rendered, like those of pod_checks.py."""

from __future__ import annotations

import json

from pod_checks import REVALIDATE, duration
from rendered import matches

_NAMESPACE = "kubernetes.io/metadata.name"


def _peer(namespace, **pods):
    """Pods of a namespace as a policy means them."""
    found = {"namespaceSelector": {"matchLabels": {_NAMESPACE: namespace}}}
    return found | ({"podSelector": {"matchLabels": pods}} if pods else {})


def _way(peer, port, protocol="TCP"):
    """One way of a rule, to be compared. `peer` {}: everybody; `port` None: every port."""
    return json.dumps([peer, port, protocol], sort_keys=True)


_DNS = {_way(_peer("kube-system", **{"k8s-app": "kube-dns"}), 53, protocol) for protocol in ("UDP", "TCP")}


def _ours(name):
    """Pods of this namespace."""
    return {"podSelector": {"matchLabels": {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "foldwatch"}}}


_REVALIDATION = _way(_ours(REVALIDATE), "http")
_DAEMON = _way(_ours("foldwatch"), "http")
REVALIDATION_WAYS = {
    "webhook": _DNS | {_DAEMON, _way(_peer("argo"), 2746)},
    "kubernetes-job": _DNS | {_DAEMON, _way({}, 443), _way({}, 6443)},
}
"""Kind of action -> every way out that the CronJob has."""
_PROMETHEUS = {_way(_peer("monitoring", **{"app.kubernetes.io/name": "prometheus"}), "http")}


def policies(rendered):
    """K7: nothing gets in but Prometheus, to the metrics; nothing gets out but names and what goes to brokers."""
    own = [one["spec"] for one in rendered.all("NetworkPolicy") if matches(one["spec"]["podSelector"], rendered.labels)]
    for kind in ("Ingress", "Egress"):
        if not any(kind in spec.get("policyTypes", []) for spec in own):
            yield f"{kind} is not denied"
    ingress = {way for spec in own for rule in spec.get("ingress", []) for way in ways_of(rule, "from")}
    if ingress != _PROMETHEUS | ({_REVALIDATION} if rendered.all("CronJob") else set()):
        yield f"another way in than that of Prometheus, or none: {sorted(ingress)}"
    egress = {way for spec in own for rule in spec.get("egress", []) for way in ways_of(rule, "to")}
    if not egress >= _DNS:
        yield "names cannot be looked up"
    brokers = {
        _way(_peer(host.split(".")[1]), int(port))
        for host, port in (address.rsplit(":", 1) for address in rendered.settings.source.bootstrap_servers)
    }
    yield from (f"another way out than to the brokers: {way}" for way in sorted(egress - _DNS - brokers))
    yield from (f"no way out to the broker: {way}" for way in sorted(brokers - egress))


def ways_of(rule, peers):
    """Every way that a rule opens; nothing in place of peers or ports means all of them."""
    for peer in rule.get(peers) or [{}]:
        for port in rule.get("ports") or [{}]:
            extra = {name: value for name, value in port.items() if name not in {"port", "protocol"}}
            yield _way(peer | extra, port.get("port"), port.get("protocol", "TCP"))


def scraped(rendered):
    """K8: the operator finds one Service, and asks it as the configuration wants to be asked."""
    settings = rendered.settings
    for monitor in rendered.all("ServiceMonitor"):
        spec = monitor["spec"]
        found = [one for one in rendered.all("Service") if matches(spec["selector"], one["metadata"].get("labels", {}))]
        if len(found) != 1:
            yield f"{len(found)} Services are scraped"
            continue
        (service,) = found
        if service["metadata"]["labels"].get(spec.get("jobLabel")) != settings.alerting.job:
            yield "the rules ask for another job"
        if spec.get("sampleLimit", 0) <= settings.export.max_series or not spec.get("labelLimit"):
            yield "a scrape has no limit, or one that a valid scrape meets"
        for endpoint in spec["endpoints"]:
            yield from _endpoint(endpoint, service, rendered)
        if len(spec["endpoints"]) != 1:
            yield "one endpoint was expected"


def _endpoint(endpoint, service, rendered):
    server = rendered.settings.server
    names = {port["name"] for port in service["spec"]["ports"]}
    if endpoint["port"] not in names or endpoint["path"] != "/metrics":
        yield "the Service has no such port"
    if duration(endpoint["interval"]) * 1000 != rendered.settings.slo.scrape_interval.millis:
        yield "the rules were made for another interval"
    if duration(endpoint["scrapeTimeout"]) >= duration(endpoint["interval"]):
        yield "a scrape may take longer than its interval"
    if endpoint["scheme"] != ("https" if server.tls else "http"):
        yield "scraped by another scheme than the one that is served"
    if (endpoint["scheme"] == "https") != ("tlsConfig" in endpoint) or endpoint.get("tlsConfig", {}).get(
        "insecureSkipVerify"
    ):
        yield "the certificate is not looked at"
    if (server.auth is not None) != ("authorization" in endpoint):
        yield "asked without the token that is wanted, or with one that nobody wants"
    if server.tls is not None and server.auth is not None:
        yield from _secrets(endpoint, rendered)


def _secrets(endpoint, rendered):
    """Yield where Prometheus shows or trusts something else than the pod has."""
    shown = {
        (source["secret"]["name"], item["key"]): item["path"]
        for source in rendered.sources
        if "secret" in source
        for item in source["secret"]["items"]
    }
    authority = endpoint.get("tlsConfig", {}).get("ca", {}).get("secret", {})
    token = endpoint.get("authorization", {}).get("credentials", {})
    if shown.get((authority.get("name"), authority.get("key"))) != "tls/ca.crt":
        yield "another authority is trusted than the one beside the certificate"
    wanted = rendered.settings.server.auth.bearer_token_file
    if wanted is None or shown.get((token.get("name"), token.get("key"))) != str(wanted.relative_to(rendered.folder)):
        yield "another token is shown than the one that is wanted"
