"""Every check of what is rendered, by its name."""

from __future__ import annotations

import pod_checks
import revalidate_checks
import traffic_checks

CHECKS = {
    check.__name__: check
    for check in (
        pod_checks.names,
        pod_checks.pod_security,
        pod_checks.hardened,
        pod_checks.namespaces,
        pod_checks.state,
        pod_checks.probes,
        pod_checks.resources,
        pod_checks.disruptions,
        pod_checks.services,
        pod_checks.ports,
        pod_checks.labels,
        pod_checks.images,
        pod_checks.secrets,
        pod_checks.mounts,
        pod_checks.rolls,
        traffic_checks.policies,
        traffic_checks.scraped,
        revalidate_checks.schedule,
        revalidate_checks.shut_in,
        revalidate_checks.sees,
        revalidate_checks.asks,
        revalidate_checks.reaches,
        revalidate_checks.talks,
        revalidate_checks.rights,
    )
}


def found(rendered):
    """Name of a check -> what it finds wrong; empty where all is well."""
    wrong = {name: list(check(rendered)) for name, check in CHECKS.items()}
    return {name: complaints for name, complaints in wrong.items() if complaints}
