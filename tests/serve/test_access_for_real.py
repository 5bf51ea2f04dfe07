"""The real command behind TLS: who gets in, what a change of its files does, and that no secret ever shows."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from alert_stack import Prometheus, until
from guarded_daemon import COST, PASSWORD, TOKEN, GuardedDaemon, hashed, login

BEARER = f"Bearer {TOKEN}"
NEW = "0b1c2d3e4f5a69788796a5b4c3d2e1f0"
ALL = ("/", "/metrics", "/api/v1/report", "/api/v1/objectives", "/nothing", "/-/healthy", "/-/ready")


@pytest.fixture(scope="module")
def daemon(openssl, tmp_path_factory):
    with GuardedDaemon(tmp_path_factory.mktemp("guarded"), openssl) as running:
        yield running


def secrets_of(daemon):
    """Every text that must not show: tokens and passwords, plain, hashed, and as they are sent."""
    texts = [TOKEN, NEW, PASSWORD, "hunter2", login("prometheus", PASSWORD).split()[1], daemon.line.partition(":")[2]]
    texts += [hashlib.sha256(each.encode()).hexdigest() for each in (TOKEN, NEW, PASSWORD)]
    texts += [base64.b64encode(each.encode()).decode() for each in (TOKEN, NEW, PASSWORD)]
    key = (daemon.folder / "server.key").read_text().splitlines()
    return [*texts, *key[1:-1]]


def shows(daemon, *texts):
    """The secrets that stand in any of these texts."""
    return [secret for secret in secrets_of(daemon) if any(secret in text for text in texts)]


@pytest.mark.parametrize("right", [BEARER, f"bearer {TOKEN}", login("prometheus", PASSWORD)], ids=["B", "b", "basic"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/report", "/api/v1/objectives"])
def test_the_right_token_and_the_right_user_may_read_everything(daemon, path, right):
    assert daemon.get(path, right)[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer ",),
        (f"Bearer {TOKEN[:-1]}",),
        (f"Bearer {TOKEN[:8]}",),
        (f"Bearer {TOKEN}x",),
        (f"Bearer {TOKEN.upper()}",),
        (f"Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}",),
        (TOKEN,),
        (BEARER, BEARER),
        (f"Bearer {'x' * 9_000}",),
        (b"Bearer \xff\xfe\xfd",),
        (f"Basic {TOKEN}",),
        (login("prometheus", "hunter2"),),
        (login("prometheus", PASSWORD + "x"),),
        (login("nobody", PASSWORD),),
        (login("prometheus", ""),),
        (login("prometheus", "x" * 2_000),),
    ],
)
def test_nobody_else_may_and_the_refusal_shows_nothing(daemon, wrong):
    status, headers, body = daemon.get("/metrics", *wrong)
    assert status == 401
    assert [value.split()[0] for value in headers.get_all("WWW-Authenticate")] == ["Bearer", "Basic"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "foldwatch_" not in body


def test_who_is_turned_away_is_counted_for_prometheus(daemon):
    before = daemon.refused()
    for _ in range(3):
        daemon.get("/metrics")
    until(lambda: daemon.refused() >= before + 3, "three more are counted")


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_is_there_and_what_is_not_look_the_same_from_outside_and_the_probes_are_open(daemon, path, method):
    status, _, body = daemon.get(path, method=method)
    if path.startswith("/-/"):
        assert status in {200, 503, 405}
        return
    assert status == 401
    assert body == ("" if method == "HEAD" else daemon.get("/metrics")[2])


def test_fifty_who_try_passwords_at_once_delay_no_scrape(daemon):
    """A right basic login is remembered from its first time on; a token never waits for a password."""
    right = login("prometheus", PASSWORD)
    assert daemon.status(right) == 200
    took = []
    with ThreadPoolExecutor(50) as pool:
        flood = [pool.submit(daemon.status, login("prometheus", f"wrong {i}")) for i in range(50)]
        while not all(one.done() for one in flood):
            for header in (BEARER, right):
                begun = time.monotonic()
                assert daemon.status(header) == 200
                took.append(time.monotonic() - begun)
    assert [one.result() for one in flood] == [401] * 50
    assert max(took) < 1.0
    assert len(took) > 4


def test_real_prometheus_scrapes_with_a_token_and_with_a_password(daemon, prometheus, tmp_path):
    assert prometheus
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "password").write_text(PASSWORD)
    ways = {
        "authorization": {"authorization": {"type": "Bearer", "credentials_file": str(tmp_path / "token")}},
        "bearer": {"bearer_token_file": str(tmp_path / "token")},
        "basic": {"basic_auth": {"username": "prometheus", "password_file": str(tmp_path / "password")}},
        "nobody": {},
        "guessed": {"basic_auth": {"username": "prometheus", "password": "hunter2"}},
    }
    jobs = [
        {
            "job_name": name,
            "scheme": "https",
            "tls_config": {"ca_file": str(daemon.folder / "ca.pem"), "min_version": "TLS12"},
            "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}],
            "scrape_timeout": "1s",
            **way,
        }
        for name, way in ways.items()
    ]
    with Prometheus(tmp_path / "prometheus", scrape_configs=jobs) as scraper:

        def health():
            return {target["labels"]["job"]: target["health"] for target in scraper.targets()}

        until(lambda: len(health()) == len(ways) and "unknown" not in health().values(), "every target was scraped")
        assert health() == {
            "authorization": "up",
            "bearer": "up",
            "basic": "up",
            "nobody": "down",
            "guessed": "down",
        }
        errors = {target["labels"]["job"]: target["lastError"] for target in scraper.targets()}
        assert "401" in errors["nobody"]
        assert "401" in errors["guessed"]
        until(lambda: len(scraper.query("foldwatch_build_info")) == 3, "three jobs have samples")


def test_no_secret_shows_in_anything_that_is_served_said_or_printed(daemon):
    texts = [daemon.get(path, *sent)[2] for path in ALL for sent in ((), (BEARER,), (f"Bearer {TOKEN}x",))]
    texts += [str(daemon.get(path, BEARER, method="POST")[1]) for path in ALL]
    assert "unauthorized" in daemon.log
    assert shows(daemon, daemon.log, *texts) == []


def test_changed_files_are_in_force_within_a_minute_and_broken_ones_never(openssl, tmp_path):
    with GuardedDaemon(tmp_path, openssl, log_format="json") as daemon:
        assert (daemon.status(BEARER), daemon.status(f"Bearer {NEW}")) == (200, 401)

        def force(sent, status):
            begun = time.monotonic()
            until(lambda: daemon.status(sent) == status, f"{status} is in force")
            assert time.monotonic() - begun < 30

        amy, first = login("amy", "hunter2"), login("prometheus", PASSWORD)
        assert (daemon.status(first), daemon.status(amy)) == (200, 401)
        # Two tokens while one is rotated, the new one as a hash, and a second user.
        daemon.put("token", f"{TOKEN}\nsha256:{hashlib.sha256(NEW.encode()).hexdigest()}\n")
        daemon.put("users", f"{daemon.line}\namy:{hashed('hunter2', 4)}\n")
        force(f"Bearer {NEW}", 200)
        force(amy, 200)
        assert (daemon.status(BEARER), daemon.status(first)) == (200, 200)
        # The first of each is withdrawn, although the last right answer is remembered.
        daemon.put("token", f"{NEW}\n")
        daemon.put("users", f"amy:{hashed('hunter2', 4)}\n")
        force(BEARER, 401)
        force(first, 401)
        assert (daemon.status(f"Bearer {NEW}"), daemon.status(amy)) == (200, 200)
        # What is broken or empty changes nothing, and is said once.
        daemon.put("token", "\n")
        daemon.put("users", "amy:hunter2\n")

        def left_out():
            daemon.status(amy)
            lines = [json.loads(line) for line in daemon.log.splitlines()]
            return [line for line in lines if line["event"] == "file not taken"]

        until(lambda: len(left_out()) == 2, "both are said to be broken")
        assert (daemon.status(f"Bearer {NEW}"), daemon.status(amy)) == (200, 200)
        assert sorted(line["file"].split()[0] for line in left_out()) == [
            "server.auth.basic_users_file",
            "server.auth.bearer_token_file",
        ]
        assert daemon.stop() == 0
        assert len(left_out_at_end := [line for line in daemon.log.splitlines() if "file not taken" in line]) == 2
        assert shows(daemon, daemon.log, *left_out_at_end) == []


def test_the_cost_that_is_tried_here_is_the_usual_one():
    assert hashed("x")[:7] == f"$2y${COST}$"
