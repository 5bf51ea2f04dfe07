"""The restricted Pod Security Standard, control by control, for Linux.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, as of Kubernetes 1.34.
"""

from __future__ import annotations

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_PROFILES = {"RuntimeDefault", "Localhost"}
_SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
}


def restricted(pod):
    """Yield what the standard forbids in a pod's `spec`."""
    security = pod.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} is on"
    if security.get("windowsOptions", {}).get("hostProcess"):
        yield "runs as a process of the host"
    if not {one["name"] for one in security.get("sysctls", [])} <= _SYSCTLS:
        yield "sets what belongs to the node"
    for volume in pod.get("volumes", []):
        kinds = volume.keys() - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is of a forbidden kind"
    for container in (*pod["containers"], *pod.get("initContainers", []), *pod.get("ephemeralContainers", [])):
        yield from _container(container, security)


def _container(container, of_pod):
    own = container.get("securityContext", {})
    both = {**of_pod, **own}
    capabilities = own.get("capabilities", {})
    forbidden = {
        "is privileged": own.get("privileged", False),
        "may gain privileges": own.get("allowPrivilegeEscalation") is not False,
        "may run as root": both.get("runAsNonRoot") is not True,
        "runs as root": both.get("runAsUser") == 0,
        "has no seccomp profile": both.get("seccompProfile", {}).get("type") not in _PROFILES,
        "keeps capabilities": "ALL" not in capabilities.get("drop", []),
        "adds capabilities": not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "sees the host's /proc": own.get("procMount", "Default") != "Default",
        "takes a port of the node": any("hostPort" in port for port in container.get("ports", [])),
        "has no AppArmor profile": both.get("appArmorProfile", {"type": "RuntimeDefault"}).get("type") not in _PROFILES,
        "chooses an SELinux type": both.get("seLinuxOptions", {}).get("type", "") not in _SELINUX,
    }
    yield from (f"{container['name']} {what}" for what, is_so in forbidden.items() if is_so)
