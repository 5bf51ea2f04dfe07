"""The real command behind TLS, tokens and users: what it serves, what it says, and which of its secrets show."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import bcrypt
from alert_stack import until
from asked import basic
from certificates import certify

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
source:
  kind: files
  predictions: {path: predictions.jsonl}
  labels: {path: labels.jsonl}
  dead_letters: {path: dead-letters.jsonl}
server:
  listen: 127.0.0.1:0
  tls: {cert_file: server.pem, key_file: server.key}
  auth: {bearer_token_file: token, basic_users_file: users}
evaluate_every: 1s
models: {churn: {classes: [stay, leave], windows: [1h], label_horizon: 0s}}
"""
TOKEN = "5f0c8e5b0a7d4c1e9b3a2f6d8e7c1b0a"  # noqa: S105 - the test's own
PASSWORD = "correct horse battery staple"  # noqa: S105 - the test's own
COST = 10


def hashed(password, cost=COST):
    """A hash as `htpasswd -B` writes it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode().replace("$2b$", "$2y$")


class GuardedDaemon:
    """`foldwatch run` in a folder, on a free port."""

    def __init__(self, folder, openssl, log_format="text", config=CONFIG, umask=-1):
        self.folder, self.said = folder, folder / f"{log_format}.log"
        certify(openssl, folder)
        self.line = f"prometheus:{hashed(PASSWORD)}"
        for name, text in {
            "foldwatch.yaml": config,
            "token": f"{TOKEN}\n",
            "users": f"{self.line}\n",
            "predictions.jsonl": "",
            "labels.jsonl": "",
        }.items():
            if not (folder / name).exists():
                (folder / name).write_text(text)
        command = [sys.executable, "-m", "monitor", "run", "--config", "foldwatch.yaml", "--log-format", log_format]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with self.said.open("wb") as said:
            self.child = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said, umask=umask)
        until(lambda: "https://" in self.log or self.child.poll() is not None, "the daemon serves")
        self.port = int(re.search(r"https://127\.0\.0\.1:(\d+)/", self.log)[1])
        self._trusting = ssl.create_default_context(cafile=folder / "ca.pem")

    @property
    def log(self):
        """What it has said so far."""
        return self.said.read_text()

    def get(self, path="/metrics", *authorization, method="GET"):
        """Return (status, headers, body); `authorization`: a header each."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self._trusting)
        try:
            connection.putrequest(method, path)
            for value in authorization:
                connection.putheader("Authorization", value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def status(self, *authorization):
        """Return how a scrape with these headers ends."""
        return self.get("/metrics", *authorization)[0]

    def refused(self):
        """Return how many were turned away, as Prometheus sees it."""
        shown = self.get("/metrics", f"Bearer {TOKEN}")[2]
        return float(
            re.search(r'^foldwatch_http_refused_total\{reason="unauthorized"\} (\S+)$', shown, re.MULTILINE)[1]
        )

    def put(self, name, text):
        """Put a file in the place of another in one step, as a deployment does."""
        (self.folder / "new").write_text(text)
        (self.folder / "new").replace(self.folder / name)

    def stop(self):
        """End it, and return how it ended."""
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(20)
        finally:
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


def login(name, password):
    """The header's value for a user."""
    return basic(name, password).decode()
