import random
import time

import pytest
from faults_end import ends_well
from faults_scene import Watch, until

QUARTERS = 4


def quarters(scene):
    """All messages, to be sent in four parts."""
    n = len(scene.messages)
    for number in range(QUARTERS):
        yield scene.messages[number * n // QUARTERS : (number + 1) * n // QUARTERS]


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_broker_that_restarts_dies_and_stays_away_costs_readiness_but_neither_health_nor_events(
    scene_of, mortal, long, client
):
    scene = scene_of(client=client)
    parts = list(quarters(scene))
    scene.produce(parts[0])
    mortal.stop()
    try:
        daemon = scene.start()
        with Watch(daemon) as watch:
            until(lambda: len(watch.ready) > 5, "it starts without a broker")
            assert set(watch.ready) == {503}
            assert scene.bootstrap in daemon.get("-/ready")[1]
            mortal.start()
            daemon.settle(len(parts[0]))
            assert daemon.ready()
            faults = [(mortal.stop, 0), (mortal.kill, 60 if long else 1)]
            if not long:
                faults = faults[:1] if client == "confluent" else faults[1:]
            for number, (end, away) in enumerate(faults, start=1):
                end()
                until(lambda: not daemon.ready(), "it notices that the broker is gone", 60)
                back = time.monotonic() + away
                until(lambda back=back: time.monotonic() > back, "time goes by", 90)
                assert not daemon.ready()
                mortal.start()
                scene.produce(parts[number])
                daemon.settle(sum(map(len, parts[: number + 1])))
                assert daemon.ready()
            for part in parts[len(faults) + 1 :]:
                scene.produce(part)
            ends_well_watched(scene, daemon, watch)
    finally:
        mortal.start()


def ends_well_watched(scene, daemon, watch):
    """It was healthy all the time."""
    truth = scene.truth()
    daemon.settle(truth.read)
    assert set(watch.healthy) == {200}
    watch.over()
    ends_well(scene, daemon)


@pytest.mark.parametrize("client", ["kafka-python", pytest.param("confluent", marks=pytest.mark.long_form)])
def test_a_broker_that_stands_still_now_and_then_only_takes_longer(scene_of, mortal, seed, long, client):
    scene = scene_of(client=client)
    daemon = scene.start()
    rng = random.Random(seed)
    with Watch(daemon) as watch:
        for part in quarters(scene):
            scene.produce(part)
            for _ in range(20 if long else 3):
                mortal.pause()
                try:
                    time.sleep(rng.uniform(0.05, 2.0 if long else 0.5))
                finally:
                    mortal.resume()
                time.sleep(rng.uniform(0.0, 0.2))
        assert daemon.ready()
        mortal.pause()
        try:
            until(lambda: not daemon.ready(), "it notices that nobody answers", 20)
        finally:
            mortal.resume()
        ends_well_watched(scene, daemon, watch)


@pytest.mark.parametrize("client", [pytest.param("kafka-python", marks=pytest.mark.long_form), "confluent"])
def test_a_slow_way_to_the_broker_that_drops_connections_only_takes_longer(scene_of, mortal, long, client):
    scene = scene_of(client=client, bootstrap=mortal.detour, most=100)
    proxy = mortal.proxy
    proxy.delay, proxy.rate, proxy.dropping = 0.05, 2_000_000, 0.02
    daemon = scene.start()
    with Watch(daemon) as watch:
        for number, part in enumerate(quarters(scene)):
            scene.produce(part)
            until(lambda number=number: proxy.dropped > number * (5 if long else 1), "connections are dropped", 120)
        proxy.delay, proxy.dropping = 0.0, 0.0
        ends_well_watched(scene, daemon, watch)
