import os
import random
import time

import pytest
from faults_end import ends_well, has_forgotten
from faults_events import Day
from faults_scene import until

from monitor.clock import HOUR

DIES = ("polled", "buried", "commit", "torn", "amid", "committed")
IN_THE_LONG_FORM = ("opened", "sought", "told")


def pieces_of(messages, size):
    return [messages[at : at + size] for at in range(0, len(messages), size)]


def cut(store, n):
    """Take the last bytes of the write-ahead log away, as when the whole machine dies."""
    logs = sorted(store.glob("*.log"), key=lambda path: int(path.stem))
    if logs:
        os.truncate(logs[-1], max(0, logs[-1].stat().st_size - n))


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_killed_at_random_moments_nothing_is_lost_and_nothing_counted_twice(scene_of, seed, long, client):
    kills = (200 if long else 10) if client == "kafka-python" else (50 if long else 3)
    scene = scene_of(client=client, keep=50, most=100, day=Day(ids=20_000) if long else None)
    rng = random.Random(seed)
    pieces = pieces_of(scene.messages, len(scene.messages) // (3 * kills) + 1)
    for _ in range(kills):
        daemon = scene.start()
        if rng.random() < 0.3:  # while it starts
            instant = time.monotonic() + rng.uniform(0.0, 2.0)
        else:
            assert daemon.url
            instant = time.monotonic() + rng.uniform(0.0, 0.6)
        while time.monotonic() < instant:
            if pieces and rng.random() < 0.2:
                scene.produce(pieces.pop(0))
            time.sleep(0.01)
        daemon.kill()
        if rng.random() < 0.3:
            cut(scene.store, rng.randrange(1, 3000))
    for piece in pieces:
        scene.produce(piece)
    ends_well(scene)
    assert has_forgotten(scene)


def test_killed_at_each_point_of_a_step_nothing_is_lost_and_nothing_counted_twice(scene_of, seed, long):
    scene = scene_of(keep=50, most=100, day=Day(ids=10_000) if long else Day(ids=1500))
    rng = random.Random(seed)
    points = [*DIES, *IN_THE_LONG_FORM] * 10 if long else list(DIES)
    rng.shuffle(points)
    pieces = pieces_of(scene.messages, len(scene.messages) // (6 * len(points)))
    for point in points:
        budget = rng.choice([1, 7, 8, 60, 500, 3000])
        times = 1 if point in IN_THE_LONG_FORM else rng.choice([1, 1, 2])
        daemon = scene.start(die=f"{point}:{times}:{budget}")
        instant = 0.0
        while daemon.alive:
            if pieces and time.monotonic() > instant and "serving" in daemon.said:
                scene.produce(pieces.pop(0))
                instant = time.monotonic() + 0.25
            time.sleep(0.01)
            assert pieces or time.monotonic() < instant + 30, (point, daemon.said[-2000:])
        assert daemon.wait() < 0, (point, daemon.said[-3000:])
        if rng.random() < 0.3:
            cut(scene.store, rng.randrange(1, 3000))
    for piece in pieces:
        scene.produce(piece)
    ends_well(scene)
    assert has_forgotten(scene)


def test_sigterm_ends_it_within_seconds_also_under_load_and_without_a_broker(scene_of, mortal, seed, long):
    scene = scene_of(begin=(int(time.time() * 1000) // HOUR - 30 * 24) * HOUR, day=Day(ids=20_000 if long else 1500))
    scene.produce()
    rng = random.Random(seed)
    for _ in range(20 if long else 1):
        daemon = scene.start(real=True)
        until(lambda daemon=daemon: '"reading"' in daemon.said, "it reads", every=0.005)
        time.sleep(rng.uniform(0.0, 0.4))
        daemon.stop()
    daemon = scene.start(real=True)
    until(daemon.ready, "it reads again")
    mortal.pause()
    try:
        time.sleep(rng.uniform(0.0, 0.5))
        daemon.stop()
    finally:
        mortal.resume()
    daemon = scene.start(real=True, config=scene.config("nobody.yaml", bootstrap="127.0.0.1:9", store="nothing"))
    until(lambda: "connection refused" in daemon.get("-/ready")[1], "nobody is there")
    daemon.stop()
    ends_well(scene, scene.start(real=True))
