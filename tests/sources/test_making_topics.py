"""Either client makes a topic for the demo, on a real broker."""

import time

import pytest

from monitor.config.settings import SourceSettings
from monitor.errors import SourceUnavailable
from monitor.sources.broker.client import Bounds, Partition
from monitor.sources.broker.clients import CLIENTS, open_client

pytestmark = pytest.mark.parametrize("library", CLIENTS)


@pytest.fixture
def client(broker, library):
    made = open_client(SourceSettings("kafka", library, (broker.bootstrap,)))
    yield made
    made.close()


def test_a_topic_is_made_as_asked_and_can_be_read_at_once(client):
    topic = f"made-{time.time_ns()}"
    client.create(topic, 2, {"retention.ms": "3600000"})
    assert client.topics([topic])[topic].partitions == (0, 1)
    assert client.settings(topic)["retention.ms"] == "3600000"
    assert list(client.bounds([Partition(topic, 0), Partition(topic, 1)]).values()) == [Bounds(0, 0)] * 2
    with pytest.raises(SourceUnavailable):
        client.create(topic, 2, {})
