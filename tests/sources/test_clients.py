"""Which library reads Kafka."""

from __future__ import annotations

import sys

import pytest

from monitor.config import SourceSettings
from monitor.errors import InputError
from monitor.sources.broker.clients import open_client


def test_kafka_python_is_the_default_and_nobody_connects_before_he_asks():
    client = open_client(SourceSettings(kind="kafka", bootstrap_servers=("127.0.0.1:9",)))
    assert type(client).__module__ == "monitor.sources.broker.kafka"
    client.close()


def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "monitor.sources.broker.confluent", raising=False)
    with pytest.raises(InputError, match=r"source.client: .*pip install 'foldwatch\[confluent\]'"):
        open_client(SourceSettings(kind="kafka", client="confluent", bootstrap_servers=("127.0.0.1:9",)))
