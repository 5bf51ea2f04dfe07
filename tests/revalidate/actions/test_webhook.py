"""The webhook: signed, sent until it is taken, never sent elsewhere, and silent about secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from action_scene import NOW, ORDER, watched
from certificates import certify
from http_clients import until
from loopback import Loopback, Reply
from published_apis import NAMES, TOKEN, PublishedApi

from monitor.clock import ManualClock
from monitor.config.revalidation import WebhookAction
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.webhook import Webhook

SECRET = b"a secret of thirty-two characters"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def secret_file(tmp_path):
    """A file with SECRET, and the line end that editors put behind it."""
    path = tmp_path / "hook.secret"
    path.write_bytes(SECRET + b"\n")
    return path


def hook(url, **settings):
    """The action, in no hurry but quick."""
    return Webhook(WebhookAction(f"{url}/start", **settings), ManualClock(NOW), chance=lambda: 1.0, pause=0.01)


def signed(request, secret=SECRET):
    """What the signature has to be, as a receiver computes it."""
    moment = request.headers["x-foldwatch-timestamp"]
    return "sha256=" + hmac.new(secret, moment.encode() + b"." + request.body, hashlib.sha256).hexdigest()


def shown(name, folder):
    """What docs/pipelines.md shows for a service, and what its answer calls the run."""
    page = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")
    (block,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if one.startswith(f"# {name}\n"))
    (folder / "token").write_text(TOKEN)
    told = yaml.safe_load(block)["action"]
    assert told.pop("kind") == "webhook"
    keys = {"github": "https://github.com/o/r/actions/runs/1", "argo": f"revalidate-{ORDER.run}"}
    settings = WebhookAction(**{**told, "token_file": folder / "token", "result": None, "time_limit": 60_000})
    return settings, keys.get(name, f"foldwatch-{ORDER.run}")


def at(api, url):
    """The address of a service, moved to loopback."""
    return api.url + urlsplit(url).path


def answers(*statuses, headers=None, body=b"no"):
    """Each status once, then 200; None hangs up."""
    left = list(statuses)

    def answer(_):
        status = left.pop(0) if left else 200
        return None if status is None else Reply(status, body, headers or {})

    return answer


def test_the_request_carries_decision_key_timestamp_and_a_signature_over_both(secret_file):
    watch, _ = watched()
    with Loopback(answers()) as server:
        outcome = hook(server.url, secret_file=secret_file).run(ORDER, watch)
    (request,) = server.asked
    assert (outcome.state, request.method, request.path) == (State.HANDED_OVER, "POST", "/start")
    assert json.loads(request.body) == {
        **ORDER.decision,
        "run": "0123456789abcdef",
        "model": "churn",
        "version": "3",
        "candidate_version": "3",
        "started": "2026-01-01T00:00:00Z",
    }
    assert request.headers["idempotency-key"] == "0123456789abcdef"
    assert request.headers["x-foldwatch-timestamp"] == str(NOW // 1_000)
    assert request.headers["x-foldwatch-signature-256"] == signed(request)
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


def test_without_a_secret_nothing_is_signed_and_a_token_is_shown_as_bearer(tmp_path):
    (tmp_path / "token").write_text("abcdef0123456789\n")
    watch, _ = watched()
    with Loopback(answers()) as server:
        hook(server.url, token_file=tmp_path / "token").run(ORDER, watch)
    assert "x-foldwatch-signature-256" not in server.asked[0].headers
    assert server.asked[0].headers["authorization"] == "Bearer abcdef0123456789"


@pytest.mark.parametrize("failing", [(500,), (503, 502), (None,), (None, 500, None), (504, 599)])
def test_a_server_that_is_not_well_is_asked_again_with_the_same_key_and_a_new_signature(failing, secret_file):
    clock = ManualClock(NOW)

    def answer(_):
        clock.move_to(clock.now() + 2_000)
        return one(_)

    one = answers(*failing)
    watch, said = watched()
    with Loopback(answer) as server:
        outcome = replace(hook(server.url, secret_file=secret_file), clock=clock).run(ORDER, watch)
    assert outcome.state is State.HANDED_OVER
    assert len(server.asked) == len(failing) + 1
    assert {request.headers["idempotency-key"] for request in server.asked} == {ORDER.run}
    assert len({request.headers["x-foldwatch-timestamp"] for request in server.asked}) == len(server.asked)
    assert all(request.headers["x-foldwatch-signature-256"] == signed(request) for request in server.asked)
    assert len(said.told) == len(failing)


def test_pauses_double_and_are_spread_by_chance():
    pauses = []
    watch, _ = watched()
    watch = replace(watch, cancelled=Noting(pauses))
    with Loopback(answers(*[500] * 9)) as server:
        action = Webhook(WebhookAction(server.url), ManualClock(NOW), chance=lambda: 0.5, pause=1.0)
        action.run(ORDER, watch)
    assert pauses == [0.75, 1.5, 3.0, 6.0, 12.0, 24.0, 45.0, 45.0, 45.0]


class Noting(threading.Event):
    """An event that is never set, and notes how long it was waited for."""

    def __init__(self, pauses):
        super().__init__()
        self.pauses = pauses

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        return False


@pytest.mark.parametrize("asked", ["7", "Thu, 01 Jan 2026 02:00:07 GMT"])
@pytest.mark.parametrize("status", [503, 429])
def test_retry_after_is_honoured_as_seconds_and_as_a_date(asked, status):
    pauses = []
    watch, _ = watched()
    watch = replace(watch, cancelled=Noting(pauses))
    with Loopback(answers(status, headers={"Retry-After": asked})) as server:
        action = replace(hook(server.url), clock=ManualClock(NOW))
        assert action.run(ORDER, watch).state is State.HANDED_OVER
    assert pauses == [7.0]


def test_a_retry_after_beyond_the_time_limit_ends_it_at_once():
    watch, _ = watched()
    with Loopback(answers(503, headers={"Retry-After": "4000"})) as server:
        outcome = hook(server.url).run(ORDER, watch)
    assert (outcome.state, len(server.asked)) == (State.TIMED_OUT, 1)
    assert "answered 503: no, within `time_limit` 1h" in outcome.reason


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "compare url, body and headers"),
        (401, "does not know us"),
        (403, "rights of the token"),
        (404, "nothing at that path"),
        (422, "compare"),
        (429, "compare"),
        (302, "not sent elsewhere"),
        (307, "not sent elsewhere"),
    ],
)
def test_what_will_not_mend_by_itself_fails_at_once_and_says_what_it_said(status, remedy):
    watch, _ = watched()
    elsewhere = {"Location": "http://127.0.0.1:1/"} if status < 400 else {}
    with Loopback(answers(*[status] * 3, headers=elsewhere, body=b"the dag is\nunknown")) as server:
        outcome = hook(server.url).run(ORDER, watch)
    assert (outcome.state, len(server.asked)) == (State.FAILED, 1)
    assert f"{server.url}: answered {status}: the dag is unknown; " in outcome.reason
    assert remedy in outcome.reason


def test_a_conflict_means_that_the_run_is_there_already():
    watch, said = watched()
    with Loopback(answers(409)) as server:
        outcome = hook(server.url).run(ORDER, watch)
    assert outcome.state is State.HANDED_OVER
    assert "taken for this run, begun before" in outcome.reason
    assert said.begun == [f"webhook {server.url}: {ORDER.run}"]


def test_nobody_there_is_asked_until_the_time_limit_is_over():
    with Loopback(answers()) as server:
        url = server.url
    watch, _ = watched()
    outcome = hook(url, time_limit=200).run(ORDER, watch)
    assert outcome.state is State.TIMED_OUT
    assert f"webhook {url}: the connection was refused, " in outcome.reason
    assert " times, within `time_limit`" in outcome.reason


def test_who_never_answers_is_given_up_at_the_time_limit():
    watch, _ = watched()
    with Loopback(lambda _: server.over.wait(20) and None) as server:
        outcome = hook(server.url, time_limit=300).run(ORDER, watch)
        server.over.set()
    assert outcome.state is State.TIMED_OUT
    assert "did not answer in time" in outcome.reason


def test_an_answer_without_end_is_cut():
    watch, _ = watched()
    with Loopback(answers(400, body=b"x" * 1_000_000)) as server:
        outcome = hook(server.url).run(ORDER, watch)
    assert outcome.state is State.FAILED
    assert len(outcome.reason) < 500


def test_what_an_endpoint_repeats_of_our_secrets_is_not_shown(secret_file, tmp_path):
    (tmp_path / "token").write_text("abcdef0123456789")
    watch, said = watched()
    echo = [500, 400]

    def answer(request):
        return Reply(echo.pop(0), request.headers["authorization"].encode() + b" " + SECRET + b" sesame")

    with Loopback(answer) as server:
        action = hook(
            f"{server.url}/secret-path?key=s3cr3t",
            secret_file=secret_file,
            token_file=tmp_path / "token",
            headers={"X-Open": "sesame"},
        )
        outcome = action.run(ORDER, watch)
    shown = outcome.reason + "".join(said.told + said.begun) + repr(action)
    assert "Bearer …" in outcome.reason
    assert not any(one in shown for one in ("abcdef", SECRET.decode(), "sesame", "secret-path", "s3cr3t")), shown


def test_secrets_are_read_at_each_try(secret_file):
    def answer(_):
        if len(server.asked) == 1:
            secret_file.write_bytes(b"the next secret, which is as long")
            return Reply(500)
        return Reply()

    watch, _ = watched()
    with Loopback(answer) as server:
        hook(server.url, secret_file=secret_file).run(ORDER, watch)
    first, second = server.asked
    assert first.headers["x-foldwatch-signature-256"] == signed(first)
    assert second.headers["x-foldwatch-signature-256"] == signed(second, b"the next secret, which is as long")


@pytest.mark.parametrize(
    ("content", "finding"),
    [(None, "cannot be read: No such file or directory"), (b"\n", "is empty"), ("to ken", "no header can carry")],
)
def test_a_secret_that_cannot_be_used_is_a_failure_that_names_the_file(content, finding, tmp_path):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    watch, _ = watched()
    with Loopback(answers()) as server:
        outcome = hook(server.url, token_file=path).run(ORDER, watch)
    assert (outcome.state, server.asked) == (State.FAILED, [])
    assert outcome.reason.startswith(f"{path}: `token_file`")
    assert finding in outcome.reason


def test_asked_to_end_between_two_tries_it_ends():
    watch, _ = watched()
    with Loopback(answers(*[500] * 50)) as server:
        action = replace(hook(server.url), pause=30.0)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(action.run(ORDER, watch)))
        thread.start()
        until(lambda: server.asked)
        watch.cancelled.set()
        thread.join(10)
    assert ended[0].state is State.CANCELLED


def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_known_is_taken(
    openssl, tmp_path, monkeypatch
):
    certificates = certify(openssl, tmp_path / "made")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    watch, _ = watched()
    with Loopback(answers(), context) as server:
        outcome = hook(server.url).run(ORDER, watch)
        assert (outcome.state, server.asked) == (State.FAILED, [])
        assert "its certificate is not trusted" in outcome.reason
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
        assert hook(server.url).run(ORDER, watch).state is State.HANDED_OVER


def test_a_body_of_ones_own_is_filled_in():
    watch, _ = watched()
    template = '{"name": "foldwatch-{run}", "conf": {decision}, "why": "{reasons}", "version": "{version}"}'
    with Loopback(answers()) as server:
        hook(server.url, body=template, headers={"Content-Type": "application/vnd.x+json"}).run(ORDER, watch)
    sent = json.loads(server.asked[0].body)
    assert sent["name"] == f"foldwatch-{ORDER.run}"
    assert sent["conf"]["reasons"] == ORDER.decision["reasons"] == json.loads(sent["why"])
    assert server.asked[0].headers["content-type"] == "application/vnd.x+json"


def test_telling_of_a_promotion_is_another_request_than_the_one_that_started_its_run():
    watch, _ = watched()
    promoted = replace(ORDER, decision={**ORDER.decision, "decision": "promoted", "baseline_after": "ab" * 32})
    with Loopback(answers()) as server:
        for order in (ORDER, promoted, promoted):
            hook(server.url, body='{"verb": "{verb}", "now": {baseline_after}}').run(order, watch)
    keys = [request.headers["idempotency-key"] for request in server.asked]
    assert keys == ["0123456789abcdef", "0123456789abcdef-promoted", "0123456789abcdef-promoted"]
    told = [json.loads(request.body) for request in server.asked]
    assert told[1] == told[2] == {"verb": "promoted", "now": "ab" * 32}
    assert told[0] == {"verb": "start", "now": None}


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_shows_for_a_service_is_what_its_published_description_takes(name, tmp_path):
    settings, key = shown(name, tmp_path)
    watch, said = watched()
    with PublishedApi(name) as api:
        action = Webhook(replace(settings, url=at(api, settings.url)), ManualClock(NOW), pause=0.01)
        outcome = action.run(ORDER, watch)
    assert (api.refused, outcome.state) == ([], State.HANDED_OVER)
    (begun,) = api.begun
    assert ORDER.run in json.dumps(begun)
    assert said.begun == [f"webhook {api.url}: {key}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_try_whose_answer_was_lost_starts_nothing_twice_where_the_service_knows_names(name, tmp_path):
    settings, _ = shown(name, tmp_path)
    watch, _ = watched()
    with PublishedApi(name, first=(None, 502)) as api:
        api.too_late = True
        action = Webhook(replace(settings, url=at(api, settings.url)), ManualClock(NOW), pause=0.01)
        assert action.run(ORDER, watch).state is State.HANDED_OVER
    assert len(api.begun) == (2 if name == "github" else 1)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("airflow-2", '"conf"', '"config"'),
        ("airflow-2", '"dag_run_id"', '"dag_id"'),
        ("airflow-3", '"logical_date": null, ', ""),
        ("airflow-3", '"conf"', '"config"'),
        ("argo", '"submitOptions"', '"options"'),
        ("argo", '"run={run}"', '"{run}"'),
        ("github", '"ref": "main", ', ""),
        ("github", '"run": "{run}"', '"run": {triggered}'),
    ],
)
def test_a_mistake_in_a_body_is_what_the_service_would_refuse(name, old, new, tmp_path):
    settings, _ = shown(name, tmp_path)
    assert old in settings.body
    watch, _ = watched()
    with PublishedApi(name) as api:
        wrong = replace(settings, url=at(api, settings.url), body=settings.body.replace(old, new))
        outcome = Webhook(wrong, ManualClock(NOW)).run(ORDER, watch)
    assert (outcome.state, api.begun) == (State.FAILED, [])
    assert api.refused
