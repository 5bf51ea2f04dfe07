"""The server: read-only, quick whoever else is connected, and always one moment at a time."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import budgeted
import fabricated as made
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from monitor.config import ServerSettings
from monitor.errors import InputError
from monitor.serve import Probes, Server
from monitor.statistics.report import Report

FINE = Probes(healthy=lambda: None, ready=lambda: None)
FREE = ServerSettings(("127.0.0.1", 0))


def get(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def snapshot():
    return made.churn_snapshot(days=4)


@pytest.fixture
def server(snapshot):
    with Server(FREE, FINE, snapshot) as running:
        yield running


def test_metrics_page_and_report_are_served(server, snapshot):
    status, headers, body = get(server, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "foldwatch_class_quality_ratio{" in body
    status, headers, body = get(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "leave-recall" in body
    assert "script-src 'sha256-" in headers["Content-Security-Policy"]
    status, headers, body = get(server, "/api/v1/report")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    document = json.loads(body)
    assert (document["schema"], len(document["windows"])) == ("foldwatch/report/1", len(snapshot.report.windows))


def test_openmetrics_is_served_to_who_asks_for_it(server):
    _, headers, body = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_before_the_first_evaluation_everything_answers():
    with Server(FREE, FINE, made.empty_snapshot()) as server:
        assert "# TYPE foldwatch_class_quality_ratio gauge" in get(server, "/metrics")[2]
        assert "Waiting" in get(server, "/")[2]
        assert json.loads(get(server, "/api/v1/report")[2])["windows"] == []


def test_objectives_are_served_to_get_and_head_with_all_that_the_snapshot_knows():
    with Server(FREE, FINE, budgeted.budgets_snapshot(days=2)) as server:
        status, headers, body = get(server, "/api/v1/objectives")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        first = json.loads(body)["objectives"][0]
        assert (first["slo"], first["state"], first["events"]) == ("leave-floor", "burning", 48_211)
        head = get(server, "/api/v1/objectives", "HEAD")
        assert (head[0], head[1]["Content-Length"], head[2]) == (200, str(len(body.encode())), "")
        server.publish(budgeted.budgets_snapshot(days=2, objectives=()))
        assert json.loads(get(server, "/api/v1/objectives")[2])["objectives"][0]["state"] == "insufficient"


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/api/v1/report", "/api/v1/objectives", "/-/healthy", "/-/ready", "/nothing"],
)
def test_answers_are_not_kept_guessed_or_framed(server, path):
    headers = get(server, path)[1]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] is None


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/api/v1", "/api/v1/objective", "/../etc/passwd"])
def test_what_is_not_there_is_404_in_plain_words(server, path):
    status, headers, body = get(server, path)
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "/metrics" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/report", "/api/v1/objectives", "/-/ready"])
def test_it_is_read_only(server, method, path):
    status, headers, body = get(server, path, method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert "GET" in body


def test_the_probes_say_why():
    trouble = {"healthy": None, "ready": "logs/predictions.jsonl does not exist"}
    probes = Probes(healthy=lambda: trouble["healthy"], ready=lambda: trouble["ready"])
    with Server(FREE, probes, made.empty_snapshot()) as server:
        assert get(server, "/-/healthy")[::2] == (200, "healthy\n")
        assert get(server, "/-/ready")[::2] == (503, "not ready: logs/predictions.jsonl does not exist\n")
        trouble.update(healthy="no evaluation for 3m", ready=None)
        assert get(server, "/-/healthy")[::2] == (503, "not healthy: no evaluation for 3m\n")
        assert get(server, "/-/ready")[::2] == (200, "ready\n")
        server.publish(replace(made.empty_snapshot(), halted="half of the events were bad"))
        assert get(server, "/-/ready")[::2] == (503, "not ready: half of the events were bad\n")


def test_a_port_in_use_is_found_before_anything_starts(server):
    host, port = server.address
    with pytest.raises(InputError) as caught:
        Server(ServerSettings((host, port)), FINE, made.empty_snapshot())
    (problem,) = caught.value.problems
    assert problem.place == f"server.listen {host}:{port}"
    assert problem.finding == "the port is in use"
    assert "another port" in problem.remedy


@pytest.mark.parametrize("host", ["203.0.113.7"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(InputError, match=f"server.listen {host}:9464: cannot listen there"):
        Server(ServerSettings((host, 9464)), FINE, made.empty_snapshot())


def test_fifty_idle_connections_do_not_block_a_scrape(server):
    with ExitStack() as idle:
        for i in range(50):
            one = idle.enter_context(socket.create_connection(server.address))
            # Half of them have begun a request that they never end.
            if i % 2:
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        begin = time.monotonic()
        assert get(server, "/metrics")[0] == 200
        assert time.monotonic() - begin < 1


def test_it_stops_within_seconds_whoever_is_connected_and_frees_the_port(snapshot):
    server = Server(FREE, FINE, snapshot)
    server.start()
    address = server.address
    with socket.create_connection(address) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        begin = time.monotonic()
        server.stop()
        server.stop()
        assert time.monotonic() - begin < 6
    with Server(ServerSettings(address), FINE, snapshot) as again:
        assert get(again, "/-/healthy")[0] == 200


def test_a_server_that_never_started_stops_too():
    server = Server(FREE, FINE, made.empty_snapshot())
    address = server.address
    server.stop()
    Server(ServerSettings(address), FINE, made.empty_snapshot()).stop()


def test_the_url_is_one_that_a_browser_on_this_machine_can_open():
    server = Server(ServerSettings(("0.0.0.0", 0)), FINE, made.empty_snapshot())  # noqa: S104 - it is what is tested
    try:
        assert server.url == f"http://127.0.0.1:{server.address[1]}/"
    finally:
        server.stop()


def test_every_scrape_sees_one_evaluation_while_newer_ones_are_published(snapshot):
    # The evaluation number n shows in two places; a torn answer would show two numbers.
    numbered = [
        replace(snapshot, build=str(n), report=Report(n * 1_000, snapshot.report.windows, snapshot.report.totals))
        for n in range(20)
    ]
    with Server(FREE, FINE, numbered[0]) as server:
        done = threading.Event()

        def publish():
            for one in numbered * 2:
                server.publish(one)
            done.set()

        publisher = threading.Thread(target=publish)
        publisher.start()
        seen = set()
        while not done.is_set() or not seen:
            samples = {s.name: s for f in parse(get(server, "/metrics")[2]) for s in f.samples}
            build = samples["foldwatch_build_info"].labels["version"]
            assert samples["foldwatch_last_evaluation_timestamp_seconds"].value == float(build)
            seen.add(build)
        publisher.join()
        assert get(server, "/metrics")[2].count('foldwatch_build_info{version="19"}') == 1


def test_a_scrape_sends_what_was_rendered_when_the_snapshot_was_published():
    of = made.model("tickets", [f"queue-{i}" for i in range(42)], ("1h", "24h"), "1d")
    ends = [made.START, made.START + 3_600_000]
    seen = made.history_of(of, "1", ends=ends, recall=lambda _: 0.8, per_window=9_000)
    with Server(FREE, FINE, made.snapshot(seen, of)) as server:
        first, second = (get(server, "/metrics")[2] for _ in range(2))
    assert first == second
    assert sum(not line.startswith("#") for line in first.splitlines()) >= 5_000
