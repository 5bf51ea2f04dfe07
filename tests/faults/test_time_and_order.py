import random

import pytest
from faults_end import ends_well, hours_of
from faults_events import Day

from monitor.clock import DAY, HOUR
from monitor.config import load
from monitor.state.opened import open_state


def before(scene, moment):
    """Messages that are sent before a moment, and those after."""
    sent = [message for message in scene.messages if message.timestamp < moment]
    return sent, scene.messages[len(sent) :]


def test_a_clock_that_jumps_by_an_hour_both_ways_changes_no_count(scene_of):
    scene = scene_of()
    scene.jump(3 * HOUR)  # so that the present stays later than every event
    daemon, read = scene.start(), 0
    for number, jump in enumerate((0, HOUR, -2 * HOUR, 2 * HOUR)):
        piece = scene.messages[number::4]
        scene.jump(jump)
        scene.produce(sorted(piece, key=lambda message: message.timestamp))
        read += len(piece)
        daemon.settle(read)
        assert daemon.get("-/healthy")[0] == 200
    ends_well(scene, daemon, orderly=False)


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_partitions_that_are_read_at_different_speeds_change_no_count(scene_of, client):
    scene = scene_of(client=client, keep=50, most=100, day=Day(heavy=10_000))
    scene.produce()
    ends_well(scene)


def test_a_partition_that_comes_long_after_the_others_changes_no_count(scene_of, seed):
    scene = scene_of()
    places = sorted({(message.role, message.partition) for message in scene.messages})
    random.Random(seed).shuffle(places)
    daemon, read = scene.start(), 0
    for place in places:
        piece = [message for message in scene.messages if (message.role, message.partition) == place]
        scene.produce(piece)
        read += len(piece)
        daemon.settle(read)
    ends_well(scene, daemon)


def test_three_days_down_and_an_empty_state_that_begins_later_come_to_the_same(scene_of, tmp_path):
    scene = scene_of(keep=50, most=100)
    end = scene.latest - 4 * DAY  # of the predictions
    down = end - 4 * DAY
    sent, rest = before(scene, down)
    meanwhile = [message for message in rest if message.timestamp < down + 3 * DAY]
    scene.produce(sent)
    scene.move_to(down)
    daemon = scene.start()
    daemon.settle(len(sent))
    daemon.kill()
    scene.produce(meanwhile)
    scene.move_to(down + 3 * DAY)
    daemon = scene.start()
    daemon.settle(len(sent) + len(meanwhile))
    scene.move_to(scene.latest)
    scene.produce(rest[len(meanwhile) :])
    ends_well(scene, daemon)
    live = state_of(scene)
    scene.store = tmp_path / "begun-later"
    scene.jump(3 * DAY)
    ends_well(scene)
    assert state_of(scene) == live


def state_of(scene):
    state = open_state(load(scene.config()))
    try:
        return {key: counts.to_json() for key, counts in hours_of(state).items()}
    finally:
        state.close()
