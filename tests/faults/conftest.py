"""The faults harness: `pytest tests/faults` is its short form, `--long` the long one; `--seed N`: another bad day."""

from __future__ import annotations

import pytest
from faults_proxy import DetouredBroker
from faults_scene import Scene

SHORT_SEED = 5


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption("--long", action="store_true", help="the long form: 200 kills, a broker away for 60 s, levels")
    group.addoption("--seed", type=int, default=SHORT_SEED, help=f"of everything random (default: {SHORT_SEED})")


def pytest_configure(config):
    config.addinivalue_line("markers", "long_form: runs in the long form alone")


def pytest_collection_modifyitems(config, items):
    """Leave out what the short form has no time for."""
    if not config.getoption("--long", default=False):
        left_out = [item for item in items if item.get_closest_marker("long_form")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def long(request):
    """Whether this is the long form."""
    return request.config.getoption("--long", default=False)


@pytest.fixture
def seed(request):
    """The seed of everything random in a scenario; printed with a failure, as any output is."""
    number = request.config.getoption("--seed", default=SHORT_SEED)
    print(f"to see it again: pytest '{request.node.nodeid}' --seed {number}")  # noqa: T201 - a failure shows it
    return number


@pytest.fixture(scope="session")
def mortal(kafka, tmp_path_factory):
    """A broker that scenarios of this folder may torment; whoever ends it starts it again. A detour leads to it too."""
    assert kafka.is_file()
    with DetouredBroker(tmp_path_factory.mktemp("mortal")) as running:
        yield running


@pytest.fixture
def scene_of(mortal, tmp_path, seed):
    """Make scenes; in the end no daemon is left, and none of them has shown a traceback."""
    scenes = []

    def make(**options):
        scene = Scene(mortal, tmp_path, seed, **options)
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        scene.close()
