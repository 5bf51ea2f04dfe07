"""The template of a Job: one `batch/v1` Job in YAML, to which a run adds its own name, labels and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SHAPE: Final = "write one Job, `apiVersion: batch/v1`, `kind: Job`: docs/pipelines.md has one"
_LARGEST: Final = 2**20


def read_job_template(path: Path) -> Mapping[str, Any]:
    """Return the Job as it is written. Raises InputError with everything that keeps it from being started."""
    try:
        content = path.read_bytes()
    except OSError as error:
        finding = f"cannot be read: {error.strerror or error}"
        raise InputError(Problem(str(path), finding, "write the Job into it, or name another file")) from None
    if len(content) > _LARGEST:
        raise InputError(Problem(str(path), "is larger than 1 MiB, which no Job can be", _SHAPE))
    try:
        documents = [one for one in yaml.safe_load_all(content) if one is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise InputError(Problem(place, f"is no YAML ({getattr(error, 'problem', error)})", _SHAPE)) from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise InputError(Problem(str(path), f"holds {len(documents)} documents, not one object", _SHAPE))
    job: Mapping[str, Any] = documents[0]
    problems = [Problem(f"{path}: {key}", finding, remedy) for key, finding, remedy in _wrong(job)]
    if problems:
        raise InputError(*problems)
    return job


def _wrong(job: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield key, finding and remedy of everything that we rely on; the API server checks the rest, strictly."""
    if (job.get("apiVersion"), job.get("kind")) != ("batch/v1", "Job"):
        yield "kind", f"is {job.get('kind')} of {job.get('apiVersion')}", _SHAPE
        return
    if "generateName" in _mapping(job.get("metadata")):
        remedy = "take it out: the name of a run is made from metadata.name and the run's key, so that it starts once"
        yield "metadata.generateName", "would start another Job each time it is asked for", remedy
    pod = _mapping(_mapping(_mapping(job.get("spec")).get("template")).get("spec"))
    containers = pod.get("containers")
    if not isinstance(containers, list) or not containers or not all(isinstance(one, dict) for one in containers):
        yield "spec.template.spec.containers", "there is none", _SHAPE
        return
    if pod.get("restartPolicy") not in {"Never", "OnFailure"}:
        yield "spec.template.spec.restartPolicy", f"is {pod.get('restartPolicy')}", "write Never, or OnFailure"
    for i, container in enumerate(containers):
        if not isinstance(container.get("env", []), list):
            yield f"spec.template.spec.containers[{i}].env", "is no list", "write `- {name: NAME, value: VALUE}`"
    for key in ("labels", "annotations"):
        for place, meta in (("metadata", job.get("metadata")), ("spec.template.metadata", _template(job))):
            if not isinstance(_mapping(meta).get(key) or {}, dict):
                yield f"{place}.{key}", "is no mapping", "write `NAME: VALUE`"


def _template(job: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the file says
    return _mapping(_mapping(job.get("spec")).get("template")).get("metadata")


def _mapping(one: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever the file says
    return one if isinstance(one, dict) else {}
