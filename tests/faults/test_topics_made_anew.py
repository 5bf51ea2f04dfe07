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
        pytest.param("kafka-python", True, False, marks=pytest.mark.long_form),
        pytest.param("kafka-python", False, True, marks=pytest.mark.long_form),
        pytest.param("confluent", True, True, marks=pytest.mark.long_form),
        ("confluent", False, True),
        pytest.param("confluent", False, False, marks=pytest.mark.long_form),
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


@pytest.mark.parametrize("client", ["kafka-python", pytest.param("confluent", marks=pytest.mark.long_form)])
def test_what_retention_removed_before_it_was_read_is_said_counted_and_all_that_is_lost(scene_of, client):
    scene = scene_of(client=client, day=QUIET)
    half = len(scene.messages) // 2
    scene.produce(scene.messages[:half])
    daemon = scene.start()
    daemon.settle(half)
    daemon.kill()
    topic = scene.topics[PREDICTIONS]
    read = scene.broker.ends(topic)
    scene.produce(scene.messages[half:])
    records = scene.records()
    before = {0: scene.broker.ends(topic)[0], 1: read[1] + 5}
    for partition, offset in before.items():
        scene.broker.truncate(topic, partition, offset)
    lost = [
        record
        for record in records
        if record.topic == topic and read[record.partition] <= record.offset < before.get(record.partition, 0)
    ]
    assert len(lost) > 5
    truth = truth_of([record for record in records if record not in lost], scene.latest)
    daemon = scene.start()
    daemon.settle(truth.read)
    assert resets_of(daemon) == {topic: 2, scene.topics[LABELS]: 0}
    assert f"{topic}/0: up to" in daemon.said
    says_the_truth(daemon.report(), truth)
    daemon.stop()
    keeps_the_truth(scene, truth, undisturbed=False)


def resets_of(daemon):
    found = re.findall(r'foldwatch_offset_resets_total{topic="(.*)"} (\d+)', daemon.get("metrics")[1])
    return {topic: int(n) for topic, n in found}
