"""deploy/Dockerfile as a text: what it says, and that its locks are those of the project."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from importlib.metadata import requires

import pytest
from image_build import ROOT, Ignored
from image_dockerfile import Copy, Run, instructions, stages
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
TEXT = DOCKERFILE.read_text()
BUILDER, FINAL = stages(TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lock(path):
    """Package -> (version, hashes)."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / path).read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert not [line for line in lines if line.startswith("-")], f"{path} names an index or another file"
    found = {}
    for line in lines:
        pinned, *hashes = line.split()
        name, version = pinned.split("==")
        found[canonicalize_name(name)] = version, frozenset(hashes)
    return found


def needed(requirements):
    """Return the names of these packages and of all that they need, from what is installed here."""
    found, waiting = set(), [(Requirement(each), "") for each in requirements]
    while waiting:
        one, extra = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(one.name)
        extras = sorted(one.extras) or [""]
        if any((name, each) not in found for each in extras):
            found |= {(name, each) for each in extras}
            waiting += [(Requirement(each), of) for each in requires(name) or () for of in extras]
    return {name for name, _ in found}


def test_hadolint_finds_nothing_and_nothing_is_hidden_from_it(hadolint):
    empty = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, env=empty, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "hadolint" not in TEXT
    assert not [*ROOT.glob(".hadolint*"), *(ROOT / "deploy").glob(".hadolint*")]


def test_both_stages_stand_on_one_exact_minor_and_debian_release_and_no_digest_is_made_up():
    assert BUILDER.base == FINAL.base
    assert (tag := re.fullmatch(r"docker\.io/library/python:(\d+)\.(\d+)-slim-(bookworm|trixie)", BUILDER.base))
    least = Requirement(f"python{PROJECT['project']['requires-python']}")
    assert least.specifier.contains(f"{tag[1]}.{tag[2]}")
    assert "sha256:" not in TEXT.replace("sha256:…", "")
    assert "latest" not in TEXT


def test_a_digest_that_a_release_looked_up_reaches_both_stages():
    digest = "@sha256:" + "0" * 64
    assert {stage.base for stage in stages(TEXT, {"PYTHON_DIGEST": digest})} == {BUILDER.base + digest}


def test_the_image_starts_the_daemon_as_nobody_in_particular_and_ends_it_by_sigterm():
    assert FINAL.user == "10001:10001"
    assert FINAL.entrypoint == ["foldwatch"]
    assert FINAL.command == ["run", "--config", "/etc/foldwatch/foldwatch.yaml", "--log-format", "json"]
    assert FINAL.stop_signal == "SIGTERM"
    assert FINAL.ports == [9464, 9465]
    assert FINAL.environment.items() >= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}.items()
    assert FINAL.environment["PATH"].startswith("/opt/foldwatch/bin:")


def test_labels_say_what_it_is_and_where_it_comes_from():
    released = stages(TEXT, {"VERSION": "1.2.3", "REVISION": "0abc"})[-1].labels
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in released.items()}
    assert labels == {
        "title": PROJECT["project"]["name"],
        "description": PROJECT["project"]["description"],
        "licenses": PROJECT["project"]["license"],
        "version": "1.2.3",
        "revision": "0abc",
        "base.name": BUILDER.base,
    }


def test_no_secret_is_asked_for_in_arguments_or_environment():
    names = [name for stage in (BUILDER, FINAL) for name in (*stage.arguments, *stage.environment)]
    assert len(names) > 5
    assert [name for name in names if re.search(r"(?i)token|passw|secret|key|credential", name)] == []


def test_no_healthcheck_repeats_the_probes():
    assert "HEALTHCHECK" not in {word for word, _ in instructions(TEXT)}


def test_dependencies_come_before_the_code_so_that_a_change_of_code_does_not_fetch_them_again():
    steps = BUILDER.steps
    code = next(i for i, step in enumerate(steps) if isinstance(step, Copy) and "monitor" in step.sources)
    fetching = [i for i, step in enumerate(steps) if isinstance(step, Run) and "--requirement" in step.command]
    assert len(fetching) == 2
    assert max(fetching) < code
    for i in fetching:
        assert "--require-hashes --only-binary :all:" in re.sub(r"\s+", " ", steps[i].command)
        assert steps[i].caches == ("/root/.cache/pip",), "the cache would get into a layer"
    assert "--no-index --no-deps" in steps[-1].command


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("deploy/requirements.lock", [*PROJECT["project"]["dependencies"], "confluent-kafka", "kubernetes"]),
        ("deploy/build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_of_the_image_is_the_part_of_the_project_s_that_it_needs_and_no_more(path, wanted):
    found, whole = lock(path), lock("requirements-dev.lock")
    assert {name: pinned for name, pinned in whole.items() if name in found} == found
    assert set(found) == needed(wanted)
    assert all(hashes and all(each.startswith("--hash=sha256:") for each in hashes) for _, hashes in found.values())


def test_the_builder_is_sent_what_it_copies_and_nothing_else():
    ignored = Ignored((ROOT / ".dockerignore").read_text())
    copied = [source for step in BUILDER.steps if isinstance(step, Copy) for source in step.sources]
    assert [source for source in copied if not (ROOT / source).exists() or ignored(source)] == []
    tops = {source.split("/")[0] for source in copied}
    listed = {each.name for each in ROOT.iterdir() if not ignored(each.name)}
    assert listed <= tops
    assert {each.name for each in (ROOT / "deploy").iterdir() if not ignored(f"deploy/{each.name}")} == {
        "build.lock",
        "requirements.lock",
    }
    assert ignored("monitor/cli/__pycache__")
    assert ignored("examples/secrets/slack.url")
    assert not ignored("monitor/cli/run.py")
