import random
import threading
import time

import pytest
from faults_end import ends_well
from faults_scene import until
from pod_life import STOPS_WITHIN, Life, PodScene, comparable, events_of
from pod_manifest import Manifest

SEED = 7
PIECE = 10


@pytest.fixture(scope="module")
def manifest(kubectl):
    return Manifest.rendered(kubectl)


@pytest.fixture
def scene_of(manifest, image, broker, tmp_path):
    scenes = []

    def make(**options):
        scenes.append(PodScene(manifest, image.root, broker, tmp_path, SEED, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


class Feed(threading.Thread):
    """Writes the messages of a scene a few at a time, while it flows; in the end all that is left."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self._scene, self._left = scene, list(scene.messages)
        self.flows, self._hastened = threading.Event(), threading.Event()

    def run(self):
        while self._left:
            n = len(self._left) if self._hastened.wait(0.1) else PIECE
            self.flows.wait()
            piece, self._left = self._left[:n], self._left[n:]
            self._scene.produce(piece)

    @property
    def all_written(self):
        return not self._left

    def hasten(self):
        self._hastened.set()
        self.flows.set()
        self.join(60)
        assert self.all_written


def ended_midstream(scene, ends):
    """Let lives end so while messages come, then the rest be read; return the last life."""
    rng, feed, read = random.Random(SEED), Feed(scene), [0]
    feed.start()
    for end in ends:
        life = scene.start()
        life.serves()
        feed.flows.set()
        until(lambda life=life: life.report()["events"].get("predictions", 0) > read[-1], "it reads on")
        time.sleep(rng.uniform(0.0, 0.4))
        read.append(life.report()["events"]["predictions"])
        assert not feed.all_written
        end(life)
        feed.flows.clear()
    feed.hasten()
    assert read == sorted(read)
    last = scene.start()
    last.settle(len(scene.messages))
    return last


def says_what_an_undisturbed_pod_says(scene, last):
    """Counts, outcomes and counters of objectives are the truth; the report is that of a pod that read in one go."""
    disturbed = comparable(last.report())
    ends_well(scene, last)
    undisturbed = scene.start(scene.another())
    undisturbed.settle(len(scene.messages))
    assert comparable(undisturbed.report()) == disturbed
    assert any(window["labels"] > 100 for window in disturbed[0].values())


def test_asked_to_end_or_killed_midstream_it_goes_on_where_it_was_and_counts_nothing_twice(scene_of, manifest):
    assert manifest.image.stop_signal == "SIGTERM"
    assert manifest.pod["terminationGracePeriodSeconds"] > 2 * STOPS_WITHIN
    scene = scene_of()
    last = ended_midstream(scene, [Life.stop, Life.crash, Life.stop, Life.crash])
    says_what_an_undisturbed_pod_says(scene, last)


def test_a_pod_that_lost_its_volume_reads_everything_again_and_says_the_same(scene_of):
    scene = scene_of()
    half = len(scene.messages) // 2
    scene.produce(scene.messages[:half])
    life = scene.start()
    life.settle(half)
    before = comparable(life.report())
    life.crash()
    scene.pod.lose_the_volume()
    life = scene.start()
    life.settle(half)
    assert comparable(life.report()) == before
    scene.produce(scene.messages[half:])
    ends_well(scene, life)


def test_a_pod_that_is_asked_to_end_while_it_starts_ends(scene_of):
    scene = scene_of()
    for number in range(2):
        life = scene.start()
        until(lambda life=life: life.minds, "it asks for the signal", every=0.001)
        assert number or not scene.pod.state.exists()
        assert "serving" not in life.said
        life.stop()
        assert events_of(life)[-1] == "stopped"
