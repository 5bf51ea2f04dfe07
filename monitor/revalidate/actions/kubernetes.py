"""The action `kubernetes-job`: a Job from a template, followed to its end. The only file that knows Kubernetes' client.

A run has one Job: its name is made from the run's key, and a Job that is there already is followed, not started again.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from monitor.clock import SECOND, format_duration
from monitor.config.job_template import read_job_template
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.actions.jobs import RUN, Owner, job_of, last_words, plain_text, standing
from monitor.revalidate.actions.result import await_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.config.revalidation import KubernetesAction
    from monitor.revalidate.actions.action import Order, Watch

OWNER_NAME: Final = "FOLDWATCH_OWNER_NAME"
OWNER_UID: Final = "FOLDWATCH_OWNER_UID"
NAMESPACE: Final = "FOLDWATCH_NAMESPACE"
"""Where the downward API tells which Job we run in: deploy/kubernetes/components/revalidate-job sets them."""
ROLE: Final = "deploy/kubernetes/components/revalidate-job has the Role that it needs"
_INSIDE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
NO_OBJECT: Final = "its answer is no object"
_TIMES: Final = (10.0, 30.0)
"""Seconds for a connection, and for an answer of the API server."""
_LONGEST_PAUSE: Final = 10.0


class _Refused(Exception):  # noqa: N818 - what the API server did
    """The API server will not, and asking again will not help. The message says why, and what would."""


class _Away(Exception):  # noqa: N818 - the state of the world
    """The API server cannot be reached, or is not well: asking again may help."""


class _Taken(Exception):  # noqa: N818 - what the API server found
    """A Job of this name is there already."""


class _Gone(Exception):  # noqa: N818 - what became of it
    """The Job is not there any more."""


@dataclass(frozen=True, slots=True)
class KubernetesJob:
    """The action."""

    settings: KubernetesAction
    monotonic: Callable[[], float] = time.monotonic
    pause: float = 1.0
    """Seconds between two looks, at first; they grow to ten."""
    grace: float = 10.0
    """Seconds beyond the time limit, in which Kubernetes ends the Job by its own deadline."""

    def run(self, order: Order, watch: Watch) -> Outcome:
        """Start the Job or find it, follow it to its end, and take its result; see `Action`."""
        place = f"models.{order.model}.revalidate.action"
        deadline = self.monotonic() + self.settings.time_limit / SECOND
        try:
            template = read_job_template(order.folder / self.settings.template)
            cluster = _cluster(place)
        except InputError as error:
            return Outcome(State.FAILED, "; ".join(map(str, error.problems)))
        with cluster:
            namespace = self.settings.namespace or (template.get("metadata") or {}).get("namespace")
            namespace = str(namespace or cluster.namespace)
            job = job_of(template, order, self.settings.time_limit, namespace, _owner(namespace))
            name = f"Job {namespace}/{job['metadata']['name']}"
            try:
                ended = self._followed(cluster, job, name, deadline, watch)
            except _Refused as error:
                return Outcome(State.FAILED, f"{name}: {error}")
            except _Gone:
                return Outcome(State.FAILED, f"{name} was deleted before it ended; run it again")
        if ended is not None:
            return ended
        if self.settings.result is None:
            return Outcome(State.HANDED_OVER, f"{name} is complete; no `result` is configured to wait for")
        found = await_result(order.folder / self.settings.result, order, deadline, watch, monotonic=self.monotonic)
        return found if isinstance(found, Outcome) else Outcome(State.SUCCEEDED, candidate=found)

    def _followed(
        self, cluster: _Cluster, job: Mapping[str, Any], name: str, deadline: float, watch: Watch
    ) -> Outcome | None:
        """Return how it ended without success; None: it is complete. Raises _Refused and _Gone."""
        limit = f"`time_limit` {format_duration(self.settings.time_limit)}"
        pause, begun, said, away = self.pause, False, "", ""
        while not watch.cancelled.is_set():
            try:
                if not begun:
                    watch.say(f"{name} {cluster.start(job)}")
                    watch.begun(name)
                    begun = True
                now = standing(cluster.look(job))
                away = ""
                if now.ended is State.SUCCEEDED:
                    return None
                if now.ended is not None:
                    of = f" ({limit})" if now.ended is State.TIMED_OUT else ""
                    return Outcome(now.ended, f"{name}: {now.text}{of}{cluster.words(job)}; see `kubectl describe`")
                if now.text != said:
                    watch.say(f"{name}: {now.text}")
                    said = now.text
            except _Away as error:
                away = f"; no answer that helps: {error}"
                watch.say(f"{name}{away}")
            if self.monotonic() >= deadline + (self.grace if begun else 0.0):
                deleted = cluster.delete(job) if begun else ""
                reason = f"{name}: did not end within {limit}{cluster.words(job) if begun else ''}{away}{deleted}"
                return Outcome(State.TIMED_OUT, reason)
            watch.cancelled.wait(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
        return Outcome(State.CANCELLED, f"{name}: cancelled{cluster.delete(job) if begun else ''}")


def _owner(namespace: str) -> Owner | None:
    """Return the Job that we run in, where the downward API tells; an owner in another namespace is none."""
    name, uid = os.environ.get(OWNER_NAME), os.environ.get(OWNER_UID)
    if not name or not uid or os.environ.get(NAMESPACE, namespace) != namespace:
        return None
    return Owner(name, uid)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The few calls that we make. _Away: it may be well another time."""

    client: Any
    """kubernetes.client.ApiClient"""
    namespace: str
    """The one that we are in, or that the kubeconfig names."""
    batch: Any = field(init=False)
    pods: Any = field(init=False)

    def __post_init__(self) -> None:
        """Open both groups of the API."""
        from kubernetes import client  # noqa: PLC0415 - an extra

        object.__setattr__(self, "batch", client.BatchV1Api(self.client))
        object.__setattr__(self, "pods", client.CoreV1Api(self.client))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def start(self, job: Mapping[str, Any]) -> str:
        """Create the Job, or find the one that is there; return which of both."""
        namespace, name = _where(job)
        try:
            self._ask("create", self.batch.create_namespaced_job, namespace, job, field_validation="Strict")
        except _Taken:
            there = self.look(job)
            if (there["metadata"].get("labels") or {}).get(RUN) != job["metadata"]["labels"][RUN]:
                message = f"another Job has this name; delete it, or give the template another name ({name})"
                raise _Refused(message) from None
            return "is there already: it is followed"
        return "is created"

    def look(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the Job as it is now."""
        namespace, name = _where(job)
        return self._ask("get", self.batch.read_namespaced_job, name, namespace)

    def words(self, job: Mapping[str, Any]) -> str:
        """Return what its last pod said, as far as we may know; never raises."""
        namespace, name = _where(job)
        try:
            selector = f"batch.kubernetes.io/job-name={name}"
            found = self._ask("list", self.pods.list_namespaced_pod, namespace, label_selector=selector)
        except (_Refused, _Gone, _Away) as error:
            return f"; its pods cannot be seen: {error}"
        said = last_words(found.get("items") or [])
        return f"; {said}" if said else ""

    def delete(self, job: Mapping[str, Any]) -> str:
        """Delete the Job with its pods; return what became of that; never raises."""
        namespace, name = _where(job)
        try:
            self._ask("delete", self.batch.delete_namespaced_job, name, namespace, propagation_policy="Background")
        except _Gone:
            return "; it is gone"
        except (_Refused, _Away) as error:
            return f"; it could not be deleted and may go on: {error}"
        return "; it is deleted"

    def _ask(self, verb: str, call: Callable[..., Any], *args: Any, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """Make a call. Raises _Refused, _Gone (404 of a Job), _Taken (409), _Away (may mend)."""
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - an extra
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with it

        try:
            answer = call(*args, **more, _preload_content=False, _request_timeout=_TIMES)
            content = answer.data
        except ApiException as error:
            _raise(verb, error.status or 0, _message(error))
        except (HTTPError, OSError) as error:
            raise _Away(plain_text(str(getattr(error, "reason", None) or error))) from None
        except ValueError as error:  # newer clients hold what they send against the API's types themselves
            refusal = f"Kubernetes' client does not take it: {plain_text(str(error))}; see to the template"
            raise _Refused(refusal) from None
        try:
            told = json.loads(content)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise _Away(NO_OBJECT)
        return told


def _raise(verb: str, status: int, message: str) -> NoReturn:
    """Raise what an answer of the API server means."""
    said = f"the API server answered {status}: {message}"
    what = "pods" if verb == "list" else "jobs"
    if status == HTTPStatus.NOT_FOUND and verb in {"get", "delete"}:
        raise _Gone(message)
    if status == HTTPStatus.CONFLICT and verb == "create":
        raise _Taken(message)
    if status in {HTTPStatus.TOO_MANY_REQUESTS, 0} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _Away(said)
    if status == HTTPStatus.FORBIDDEN:
        group = '""' if verb == "list" else "batch"
        rule = f"{{apiGroups: [{group}], resources: [{what}], verbs: [{verb}]}}"
        remedy = f"the Role lacks {rule}: {ROLE}"
    elif status == HTTPStatus.UNAUTHORIZED:
        remedy = "see to the token of the service account, or to the kubeconfig"
    elif status == HTTPStatus.NOT_FOUND:
        remedy = "see to `namespace`"
    else:
        remedy = "see to the template"
    refusal = f"{said}; {remedy}"
    raise _Refused(refusal)


def _message(error: Any) -> str:  # noqa: ANN401 - an ApiException
    """Return what the API server says, in one line."""
    try:
        told = json.loads(error.body)
    except (TypeError, ValueError):
        told = None
    return plain_text(str(told["message"] if isinstance(told, dict) and "message" in told else error.reason))


def _where(job: Mapping[str, Any]) -> Sequence[str]:
    return job["metadata"]["namespace"], job["metadata"]["name"]


def _cluster(place: str) -> _Cluster:
    """Return the cluster: KUBECONFIG's, else the one that we run in, else that of ~/.kube/config. Raises InputError."""
    try:
        from kubernetes import client, config  # noqa: PLC0415 - an extra, and a large one
    except ImportError:
        remedy = "install it: pip install 'foldwatch[kubernetes]'"
        raise InputError(Problem(place, "Kubernetes' client is not installed", remedy)) from None
    configuration = client.Configuration()
    ways: Any = config  # which ships no types
    try:
        if "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            ways.load_incluster_config(client_configuration=configuration)
            namespace = os.environ.get(NAMESPACE) or _INSIDE.read_text(encoding="utf-8").strip()
        else:
            file = os.environ.get("KUBECONFIG")  # which the client looks up only once, when it is imported
            ways.load_kube_config(config_file=file, client_configuration=configuration)
            _, context = ways.list_kube_config_contexts(config_file=file)
            namespace = context["context"].get("namespace") or "default"
    except (config.ConfigException, OSError, KeyError, TypeError, ValueError) as error:
        remedy = "run it in a pod with a service account's token, or let KUBECONFIG name a kubeconfig"
        raise InputError(Problem(place, f"no way into a cluster: {plain_text(str(error))}", remedy)) from None
    configuration.retries = 1  # for a connection that was closed meanwhile; else we ask again ourselves, and say so
    return _Cluster(client.ApiClient(configuration), namespace)
