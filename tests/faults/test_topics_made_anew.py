import dataclasses
import re

import pytest
from faults_end import keeps_the_truth, says_the_truth
from faults_events import LABELS, PREDICTIONS, Day
from faults_oracle import truth_of
from faults_scene import LARGE, until

QUIET = Day(garbage=0, large=0, ids=400)


def made_anew(scene, messages):
    """Delete the labels' topic and make it again, holding these messages; returns what it held before."""
    before = [record for record in scene.records() if record.role == LABELS]
    topic = scene.topics[LABELS]
    scene.broker.delete(topic)
    scene.broker.create(topic, scene.day.partitions[1], LARGE)
    scene.produce(messages)
    # Its places come once more: for the oracle they are later ones.
    return [dataclasses.replace(record, offset=record.offset - 1_000_000) for record in before]


@pytest.mark.parametrize(
    ("client", "running", "longer"),
    [
        ("kafka-python", True, True),
        ("kafka-python", True, False),
        ("kafka-python", False, True),
        ("confluent", True, True),
        ("confluent", False, False),
    ],
)
def test_a_topic_made_anew_is_noticed_counted_and_read_from_its_beginning(scene_of, client, running, longer):
    scene = scene_of(client=client, day=QUIET)
    labels = [message for message in scene.messages if message.role == LABELS]
    part = len(labels) // 4 * (1 if longer else 3)
    first, second = labels[:part], labels[part:]
    scene.produce([message for message in scene.messages if message.role != LABELS])
    scene.produce(first)
    read = len(scene.messages) - len(second)
    daemon = scene.start()
    daemon.settle(read)
    if not running:
        daemon.stop()
    before = made_anew(scene, second)
    if not running:
        daemon = scene.start()
    daemon.settle(len(scene.messages))
    assert resets_of(daemon)[scene.topics[LABELS]] >= 1
    assert resets_of(daemon)[scene.topics[PREDICTIONS]] == 0
    until(daemon.ready, "it reads")
    truth = truth_of([*before, *scene.records()], scene.latest)
    says_the_truth(daemon.report(), truth)
    daemon.stop()
    keeps_the_truth(scene, truth, undisturbed=False)


def resets_of(daemon):
    found = re.findall(r'foldwatch_offset_resets_total{topic="(.*)"} (\d+)', daemon.get("metrics")[1])
    return {topic: int(n) for topic, n in found}
